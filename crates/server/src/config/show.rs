//! What is in force, and why, for people and for programs.

use std::fmt::Write as _;

use serde_json::json;

use super::Layers;
use super::layer::{Item, Origin};
use super::value::Value;

/// The last parts of keys whose values are secrets.
const SECRET_LEAVES: [&str; 15] = [
    "key",
    "backup_key",
    "url",
    "cdn_secret",
    "secret_access_key",
    "secret",
    "backup_secret",
    // Addresses, which may hold a key.
    "on_publish",
    "on_play",
    "on_join",
    "on_send",
    "on_unpublish",
    "on_stop",
    "on_dvr",
    "on_hls",
];

const MASK: &str = "********";

impl Layers {
    /// Every key with its value and where it came from, one a line.
    pub fn show(&self) -> String {
        let lines: Vec<(String, String)> =
            self.items.iter().map(|item| (line(item), item.origin.place())).collect();
        let width = lines
            .iter()
            .map(|(line, _)| line.chars().count())
            .filter(|width| *width <= 60)
            .max()
            .unwrap_or(0);
        let mut out = String::new();
        for (line, origin) in lines {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "{line:width$}  # {origin}");
        }
        out
    }

    /// The same as JSON.
    pub fn show_json(&self) -> serde_json::Value {
        let item = |item: &Item| {
            let value = if is_masked(item) { MASK.into() } else { item.value.to_json() };
            let origin = match &item.origin {
                Origin::Default => json!({"kind": "default"}),
                Origin::File { path, line } => json!({"kind": "file", "path": path, "line": line}),
                Origin::Env(name) => json!({"kind": "env", "name": name}),
                Origin::Flag(flag) => json!({"kind": "flag", "name": flag}),
            };
            json!({"key": item.key, "value": value, "origin": origin})
        };
        self.items.iter().map(item).collect()
    }
}

fn line(item: &Item) -> String {
    let value = if is_masked(item) { format!("\"{MASK}\"") } else { item.value.to_string() };
    format!("{} = {value}", item.key)
}

/// An empty secret is shown: it says that the generated one is in force.
fn is_masked(item: &Item) -> bool {
    let leaf = item.key.rsplit('.').next().unwrap_or_default();
    let is_empty = [Value::Text(String::new()), Value::List(Vec::new())].contains(&item.value);
    SECRET_LEAVES.contains(&leaf) && !is_empty
}
