//! `/api/v1/docs`: the API as a page that needs nothing from elsewhere and runs no script.

use std::fmt::Write as _;
use std::sync::LazyLock;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value as Json;
use sha2::{Digest as _, Sha256};

use super::call::{Answer, Call};
use super::openapi;
use super::shape::Schemas;
use super::table::{self, Access, Done, Operation};
use crate::http::response::Response;

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}\
    code,pre{font-family:ui-monospace,monospace;font-size:.9em;background:#8881;padding:.1em .3em;border-radius:.2em}\
    table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;padding:.2rem .8rem .2rem 0;border-top:1px solid #8884}\
    h2{margin-top:2.5rem;font-size:1.1rem}h2 b{font-family:ui-monospace,monospace}:root{color-scheme:light dark}";

/// The page and its policy, made once.
static PAGE: LazyLock<(String, String)> = LazyLock::new(|| {
    let hash = STANDARD.encode(Sha256::digest(STYLE));
    let policy = format!(
        "default-src 'none'; style-src 'sha256-{hash}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    (page(), policy)
});

/// Answers with the page.
pub(super) fn answer(_call: &Call) -> Answer {
    let (page, policy) = &*PAGE;
    let response = Response::bytes(200, "text/html; charset=utf-8", page.clone());
    Ok(response.with("Content-Security-Policy", policy).with("Cache-Control", "no-cache"))
}

fn page() -> String {
    let mut known = Schemas::new();
    let mut body = String::new();
    for operation in table::all() {
        section(&mut body, operation, &mut known);
    }
    let mut types = String::new();
    for (name, schema) in &known {
        // Writing to a string cannot fail.
        let _ = write!(
            types,
            "<h2 id=\"{name}\"><b>{name}</b></h2><p>{}</p>",
            text(schema["description"].as_str())
        );
        fields(&mut types, schema);
    }
    format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>Weir API</title><style>{STYLE}</style><h1>Weir API</h1>\
         <p>Make a key with <code>weir key create NAME</code> and send it as <code>Authorization: Bearer wk_...</code>. \
         用 <code>weir key create NAME</code> 生成密钥，放进请求头。 <a href=\"openapi.json\">OpenAPI 3.1</a>; \
         the chat, 聊天协议: <a href=\"asyncapi.json\">AsyncAPI 3.0</a></p>\
         {body}<h1>Types</h1>{types}</html>"
    )
}

fn section(out: &mut String, operation: &Operation, known: &mut Schemas) {
    let access = match operation.access {
        Access::Open | Access::OpenWaiting => "open to everybody",
        Access::Key(scope) => scope.name(),
    };
    let _ = write!(
        out,
        "<h2 id=\"{}\"><b>{} /api/v1/{}</b> ({access})</h2><p>{}<br>{}</p>",
        operation.id,
        table::verb(operation.method),
        operation.path,
        escape(operation.about),
        escape(operation.about_zh)
    );
    out.push_str("<table>");
    for parameter in operation.query.iter().filter(|parameter| parameter.value != table::Value::Anything) {
        row(out, &format!("?{}=", parameter.name), &kind(&parameter.value.schema()), parameter.about);
    }
    if let Some(made) = &operation.body {
        row(out, "body", &kind(&(made.schema)(known)), if made.optional { "may be left out" } else { "" });
    }
    match operation.done {
        Done::Json(status, schema) => row(out, &status.to_string(), &kind(&schema(known)), ""),
        Done::Text(media_type) => row(out, "200", media_type, ""),
        Done::Nothing(status) => row(out, &status.to_string(), "", ""),
    }
    for (status, about) in openapi::faults(operation) {
        row(out, &status.to_string(), "", &about);
    }
    out.push_str("</table>");
}

fn fields(out: &mut String, schema: &Json) {
    out.push_str("<table>");
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        row(out, name, &kind(schema), schema["description"].as_str().unwrap_or_default());
    }
    out.push_str("</table>");
}

/// `kind` is markup already.
fn row(out: &mut String, name: &str, kind: &str, about: &str) {
    let _ = write!(out, "<tr><td><code>{}</code><td>{kind}<td>{}", escape(name), escape(about));
}

/// A type in a few words, with a link to it if it has a name.
fn kind(schema: &Json) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|to| to.rsplit('/').next()) {
        return format!("<a href=\"#{name}\">{name}</a>");
    }
    if let Some(choices) = schema["anyOf"].as_array().filter(|_| schema["type"].is_null()) {
        return choices.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    if let Some(values) = schema["enum"].as_array() {
        return values.iter().filter_map(Json::as_str).map(escape).collect::<Vec<_>>().join(" or ");
    }
    match &schema["type"] {
        Json::String(name) if name == "array" => format!("array of {}", kind(&schema["items"])),
        Json::String(name) => escape(name),
        Json::Array(names) => names.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(" or "),
        _ => String::new(),
    }
}

fn text(about: Option<&str>) -> String {
    escape(about.unwrap_or_default())
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_shows_every_operation_and_loads_nothing() {
        let (page, policy) = &*PAGE;
        for operation in table::all() {
            assert!(page.contains(&format!("id=\"{}\"", operation.id)), "{}", operation.id);
        }
        assert!(page.contains("id=\"StreamState\"") && page.contains("href=\"#StreamState\""));
        assert!(!page.contains("<script") && !page.contains("http://") && !page.contains("https://"));
        assert!(policy.starts_with("default-src 'none'; style-src 'sha256-"));
    }
}
