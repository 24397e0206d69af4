//! Builds the page into the binary.
//!
//! `make run` builds `web/dist` first. Without it (no Node on the machine, or plain `cargo build`) a page that says
//! so takes its place, so the Rust side builds alone.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

const PLACEHOLDER: &str = "<!doctype html><meta charset=utf-8><title>Weir</title><p>页面尚未构建：请运行 make web 后重新编译。\
     <p>The page is not built: run make web, then build again.";

fn main() {
    let manifest = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").expect("cargo sets it"));
    let dist = manifest.join("../../web/dist");
    println!("cargo:rerun-if-changed={}", dist.display());
    println!("cargo:rerun-if-changed=migrations");
    let out = PathBuf::from(std::env::var("OUT_DIR").expect("cargo sets it"));
    let mut files = BTreeMap::new();
    collect(&dist, &dist, &mut files);
    if !files.contains_key("index.html") {
        let placeholder = out.join("placeholder.html");
        fs::write(&placeholder, PLACEHOLDER).expect("OUT_DIR can be written");
        files.insert("index.html".to_owned(), placeholder);
    }
    let mut code = String::from("static ASSETS: &[Asset] = &[\n");
    for (path, file) in &files {
        let body = fs::read(file).expect("a file that was just listed");
        let mut hasher = DefaultHasher::new();
        body.hash(&mut hasher);
        let etag = format!("{:016x}", hasher.finish());
        let media_type = media_type(path);
        writeln!(
            code,
            "    Asset {{ path: {path:?}, media_type: {media_type:?}, etag: {etag:?}, body: include_bytes!({file:?}) }},"
        )
        .expect("writing to a string");
    }
    code.push_str("];\n");
    fs::write(out.join("assets.rs"), code).expect("OUT_DIR can be written");
}

fn collect(root: &Path, folder: &Path, files: &mut BTreeMap<String, PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            println!("cargo:rerun-if-changed={}", path.display());
            collect(root, &path, files);
        } else if let Ok(relative) = path.strip_prefix(root) {
            println!("cargo:rerun-if-changed={}", path.display());
            files.insert(relative.to_string_lossy().replace('\\', "/"), path);
        }
    }
}

fn media_type(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "ico" => "image/x-icon",
        "webmanifest" | "json" => "application/json",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}
