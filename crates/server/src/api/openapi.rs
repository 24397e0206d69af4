//! The API as an OpenAPI 3.1 document, made of the table that dispatches it.

use std::sync::LazyLock;

use bytes::Bytes;
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::call::{Answer, Call};
use super::shape::{Schemas, Shape, shape};
use super::table::{self, Access, Done, Operation, Parameter};
use crate::http::head::Method;
use crate::http::response::Response;
use crate::operator::keys::Scope;

shape! {
    /// What went wrong.
    out struct ErrorBody {
        /// The fault.
        error: ErrorWords,
    }

    /// A fault, for programs and for people.
    out struct ErrorWords {
        /// For programs; it does not change.
        code: String,
        /// What is wrong and what to do.
        message: String,
        /// The same in Chinese.
        message_zh: String,
    }
}

/// Answers with the document.
pub(super) fn answer(_call: &Call) -> Answer {
    static DOCUMENT: LazyLock<Lasting> = LazyLock::new(|| Lasting::new(document().to_string()));
    Ok(DOCUMENT.answer())
}

/// Bytes of the hash that names a version of a document.
const TAG_BYTES: usize = 16;

/// JSON that stays the same as long as this program runs: whoever has it need not be sent it again.
pub(super) struct Lasting {
    body: Bytes,
    tag: String,
}

impl Lasting {
    /// A text of JSON that lasts.
    pub(super) fn new(text: impl Into<Bytes>) -> Lasting {
        let body = text.into();
        let tag = Sha256::digest(&body).iter().take(TAG_BYTES).map(|byte| format!("{byte:02x}")).collect();
        Lasting { body, tag }
    }

    /// It as an answer.
    pub(super) fn answer(&self) -> Response {
        let response = Response::bytes(200, "application/json", self.body.clone());
        response.with_etag(&self.tag).with("Cache-Control", "no-cache")
    }
}

/// What every operation may answer, as far as it applies to it.
pub(super) fn faults(operation: &Operation) -> Vec<(u16, String)> {
    let mut faults = vec![(
        400,
        "`bad_value`, `bad_name`, `bad_body` or `bad_query`: something was sent that is not right".to_owned(),
    )];
    if operation.body.is_some() {
        faults.push((415, "`not_json`: the body has another media type".into()));
        faults.push((413, "`bad_request`: the body has more than 64 KiB".into()));
    }
    if let Access::Key(scope) = operation.access {
        faults.push((401, "`no_key` or `bad_key`: there was no key that is known".into()));
        if scope.changes() {
            faults.push((403, "`read_only_key`: the key may only read".into()));
        }
        if matches!(scope, Scope::Read | Scope::Write | Scope::Tokens) {
            faults.push((403, "`rooms_only_key`: the key is for rooms".into()));
        }
        if scope != Scope::Tokens {
            faults.push((403, "`tokens_only_key`: the key is for tokens of users".into()));
        }
        if operation.method == Method::Post {
            faults.push((
                422,
                "`idempotency_mismatch`: this `Idempotency-Key` came with another request".into(),
            ));
            faults.push((409, "`in_progress`: the request with this `Idempotency-Key` is being done".into()));
        }
        faults.push((429, "`too_many_tries`: more than ten wrong keys in a minute".into()));
    }
    if operation.access == Access::OpenWaiting {
        faults.push((503, "`busy`: too many people ask at this moment".into()));
    }
    faults.extend(operation.faults.iter().map(|(status, about)| (*status, (*about).to_owned())));
    faults.sort_by_key(|(status, _)| *status);
    // A status has one place in the document.
    faults.dedup_by(|(status, more), (before, about)| {
        let same = status == before;
        if same {
            *about = format!("{about}; {more}");
        }
        same
    });
    faults
}

/// The whole document.
pub(super) fn document() -> Value {
    let mut known = Schemas::new();
    let error = ErrorBody::schema(&mut known);
    let mut paths = Map::new();
    for operation in table::all() {
        let path = paths.entry(format!("/{}", operation.path)).or_insert_with(|| json!({}));
        path[table::verb(operation.method).to_lowercase()] = describe(operation, &error, &mut known);
    }
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Weir",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "The HTTP API of a Weir server.",
            "license": {"name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0"},
        },
        "servers": [{"url": "/api/v1"}],
        "paths": paths,
        "components": {
            "schemas": known,
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer", "description": "A key made with `weir key create NAME`"}},
        },
    })
}

fn describe(operation: &Operation, error: &Value, known: &mut Schemas) -> Value {
    let in_path = table::braces(operation.path).map(
        |name| json!({"name": name, "in": "path", "required": true, "schema": table::path_schema(name)}),
    );
    let in_query = operation.query.iter().filter(|parameter| parameter.value != table::Value::Anything).map(|parameter| {
        json!({"name": parameter.name, "in": "query", "required": parameter.needed, "description": parameter.about, "schema": schema_of(parameter)})
    });
    let once = (operation.method == Method::Post && matches!(operation.access, Access::Key(_))).then(|| {
        json!({"name": "Idempotency-Key", "in": "header", "required": false, "schema": {"type": "string", "pattern": format!("^[!-~]{{1,{}}}$", super::once::KEY_MAX)},
            "description": "the same key within a day is the same request: it is done once, and answered with the same answer"})
    });
    let parameters: Vec<Value> = in_path.chain(in_query).chain(once).collect();
    let mut answers = Map::new();
    let (status, done) = match operation.done {
        Done::Json(status, schema) => (
            status,
            json!({"description": "Done", "content": {"application/json": {"schema": schema(known)}}}),
        ),
        Done::Text(media_type) => {
            (200, json!({"description": "Done", "content": {media_type: {"schema": {"type": "string"}}}}))
        }
        Done::Nothing(status) => (status, json!({"description": "Done"})),
    };
    answers.insert(status.to_string(), done);
    for (status, about) in faults(operation) {
        let described = json!({"description": about, "content": {"application/json": {"schema": error}}});
        answers.insert(status.to_string(), described);
    }
    let mut described = json!({
        "operationId": operation.id,
        "summary": operation.about,
        "description": operation.about_zh,
        "parameters": parameters,
        "responses": answers,
        "security": match operation.access {
            Access::Open | Access::OpenWaiting => json!([]),
            Access::Key(_) => json!([{"key": []}]),
        },
    });
    if let Some(body) = &operation.body {
        described["requestBody"] = json!({
            "required": !body.optional,
            "content": {"application/json": {"schema": (body.schema)(known)}},
        });
    }
    if let Access::Key(scope) = operation.access
        && scope.changes()
    {
        described["x-scope"] = json!(scope.name());
    }
    described
}

fn schema_of(parameter: &Parameter) -> Value {
    let mut schema = parameter.value.schema();
    if parameter.needed && schema["type"] == "string" {
        schema["minLength"] = 1.into();
    }
    schema
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each(value: &Value, see: &mut impl FnMut(&Map<String, Value>)) {
        match value {
            Value::Object(fields) => {
                see(fields);
                fields.values().for_each(|value| each(value, see));
            }
            Value::Array(items) => items.iter().for_each(|value| each(value, see)),
            _ => {}
        }
    }

    #[test]
    fn every_reference_leads_to_a_schema_and_every_field_is_described() {
        let document = document();
        each(&document, &mut |fields| {
            if let Some(to) = fields.get("$ref").and_then(Value::as_str) {
                assert!(document.pointer(to.trim_start_matches('#')).is_some(), "{to}");
            }
        });
        let schemas = document["components"]["schemas"].as_object().unwrap();
        assert!(schemas.len() > 10);
        for (name, schema) in schemas {
            assert!(!schema["description"].as_str().unwrap().is_empty(), "{name}");
            for (field, schema) in schema["properties"].as_object().unwrap() {
                assert!(
                    schema["description"].as_str().is_some_and(|about| !about.is_empty()),
                    "{name}.{field}"
                );
            }
        }
    }

    #[test]
    fn every_operation_is_in_the_document() {
        let document = document();
        for operation in table::all() {
            let path = format!("/{}", operation.path);
            let verb = table::verb(operation.method).to_lowercase();
            assert_eq!(document["paths"][&path][&verb]["operationId"], operation.id);
        }
    }
}
