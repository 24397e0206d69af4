use std::sync::atomic::Ordering;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;

use super::figures::Figures;
use super::spool::Spool;
use super::tend::delete;
use super::*;
use crate::config::Layers;
use crate::scratch::Scratch;
use crate::store::{Format, PartState, Recording, Store};

/// A bucket in which every object is there, 12 bytes long, and can be deleted.
async fn bucket() -> Bucket {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let mut asked = Vec::new();
            while !asked.ends_with(b"\r\n\r\n")
                && socket.read_buf(&mut asked).await.is_ok_and(|read| read > 0)
            {}
            let head = "Connection: close\r\nETag: \"e\"\r\nLast-Modified: Sun, 29 Nov 2026 10:00:00 GMT";
            let answer = match asked.starts_with(b"HEAD") {
                true => format!("HTTP/1.1 200 OK\r\nContent-Length: 12\r\n{head}\r\n\r\n"),
                false => format!("HTTP/1.1 204 No Content\r\n{head}\r\n\r\n"),
            };
            let _ = socket.write_all(answer.as_bytes()).await;
        }
    });
    let keys =
        config::Storage { endpoint, bucket: "b".into(), ..Layers::defaults().config().unwrap().storage };
    Bucket::open(&keys).unwrap()
}

async fn store(folder: &Scratch) -> Store {
    let store = Store::open(folder.path()).await.unwrap();
    tokio::spawn(store.writer.clone().run());
    store
}

#[tokio::test]
async fn what_cannot_be_deleted_holds_up_nothing_else() {
    let folder = Scratch::new();
    let (store, bucket) = (store(&folder).await, bucket().await);
    for number in 0..120 {
        // No object can have such a name.
        store.uploads.put_to_delete(&format!("a//{number:03}"), "").await.unwrap();
    }
    store.uploads.put_to_delete("z", "").await.unwrap();
    let mut last = None;
    for _ in 0..3 {
        assert!(delete(&bucket, &store, &mut last).await.is_err());
    }
    let left = store.uploads.to_delete(None, 1_000).await.unwrap();
    assert!(left.len() == 120 && left.iter().all(|what| what.object_key.starts_with("a//")), "{left:?}");
    assert_eq!(last, None, "from the start again");
}

#[tokio::test]
async fn room_is_made_behind_everything_that_is_needed() {
    let folder = Scratch::new();
    let (store, bucket) = (store(&folder).await, bucket().await);
    let id = "a".repeat(24);
    store.writer.put_recording(Recording::begun(&id, ("live", "room"), 0));
    for number in 1..=250 {
        store.writer.put_part(Part {
            recording: id.clone(),
            number,
            format: Format::Fmp4,
            path: format!("{number}.mp4"),
            wall_ms: 0,
            start_ms: 0,
            duration_ms: 1_000,
            bytes: 12,
            init_bytes: 0,
            codecs: String::new(),
            state: PartState::Uploaded,
            object_key: Some(format!("{number}.mp4")),
        });
    }
    store.writer.flush().await;
    let figures = Figures::default();
    let spool = Spool { bucket: &bucket, store: &store, root: folder.path(), figures: &figures };
    spool.make_room(13, |part| part.number <= 220).await.unwrap();
    assert_eq!(figures.evicted.load(Ordering::Relaxed), 2);
    let parts = store.index.parts(&id).await.unwrap();
    let remote = parts.iter().filter(|part| part.state == PartState::Remote).map(|part| part.number);
    assert_eq!(remote.collect::<Vec<_>>(), [221, 222]);
}
