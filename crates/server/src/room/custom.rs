//! What is said in custom data, which is JSON of the operator's pages: words and links are looked for in that too.

use serde_json::Value;

/// The names and strings of JSON data, each on a line of its own, so that no word goes on from one to the next.
pub(super) fn texts(json: &str) -> String {
    fn gather(value: &Value, texts: &mut String) {
        match value {
            Value::String(text) => {
                texts.push_str(text);
                texts.push('\n');
            }
            Value::Array(values) => values.iter().for_each(|value| gather(value, texts)),
            Value::Object(fields) => fields.iter().for_each(|(name, value)| {
                texts.push_str(name);
                texts.push('\n');
                gather(value, texts);
            }),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
    let mut texts = String::with_capacity(json.len());
    // The wire takes nothing that is no JSON, and bounds how deep it is nested.
    if let Ok(value) = serde_json::from_str(json) {
        gather(&value, &mut texts);
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_strings_are_found_however_deep_and_nothing_else() {
        let data = r#"{"a":["b",{"c":"d\u0065"}],"n":1,"t":true,"z":null}"#;
        let mut found: Vec<_> = texts(data).lines().map(str::to_owned).collect();
        found.sort();
        assert_eq!(found, ["a", "b", "c", "de", "n", "t", "z"]);
        assert_eq!(texts("no JSON"), "");
    }
}
