use super::*;
use crate::lang::Lang;
use crate::scratch::Scratch;
use crate::told;

fn recording(id: &str, started_ms: i64, state: State) -> Recording {
    Recording {
        id: id.to_owned(),
        app: "live".into(),
        stream: "room".into(),
        folder: format!("live/room/{id}"),
        started_ms,
        ended_ms: (!state.is_open()).then_some(started_ms + 1_000),
        state,
        reason: String::new(),
        duration_ms: 1_000,
        bytes: 12,
        codecs: "avc1.64001f,mp4a.40.2".into(),
        gaps: 0,
        hidden: false,
        expires_ms: None,
        watched: Watched::default(),
    }
}

fn part(id: &str, number: u32, format: Format) -> Part {
    Part {
        recording: id.to_owned(),
        number,
        format,
        path: format!("live/room/{id}/{number}.{}", format.extension()),
        wall_ms: 5,
        start_ms: 0,
        duration_ms: 1_000,
        bytes: 12,
        init_bytes: 3,
        codecs: String::new(),
        state: PartState::Open,
        object_key: None,
    }
}

async fn open(scratch: &Scratch) -> Store {
    let store = Store::open(scratch.path()).await.unwrap();
    tokio::spawn(store.writer.clone().run());
    store
}

#[tokio::test]
async fn what_is_put_is_found_also_after_the_database_was_opened_again() {
    let scratch = Scratch::new();
    let store = open(&scratch).await;
    let shown = recording("a1", 1_000, State::Finished);
    store.writer.put_recording(shown.clone());
    store.writer.put_part(part("a1", 1, Format::Fmp4));
    store.writer.put_part(part("a1", 1, Format::Flv));
    let run = [Key { time_ms: 0, offset: 700 }, Key { time_ms: 2_000, offset: 90_000 }];
    let next = [Key { time_ms: 200_000, offset: 1 << 40 }];
    store.writer.put_keys("a1", 1, 0, &run);
    store.writer.put_keys("a1", 1, 1, &next);
    store.close().await;
    let store = open(&scratch).await;
    assert_eq!(store.index.find("a1").await.unwrap(), Some(shown));
    assert_eq!(store.index.find("b").await.unwrap(), None);
    let expected = [part("a1", 1, Format::Flv), part("a1", 1, Format::Fmp4)];
    assert_eq!(store.index.parts("a1").await.unwrap(), expected);
    assert_eq!(store.index.keys("a1", 1).await.unwrap(), [&run[..], &next].concat());
}

#[tokio::test]
async fn lists_are_narrowed_and_come_in_pages() {
    let scratch = Scratch::new();
    let store = open(&scratch).await;
    for number in 1..=5_i64 {
        let state = if number == 5 { State::Recording } else { State::Finished };
        store.writer.put_recording(recording(&format!("a{number}"), number * 10_000, state));
    }
    store.writer.put_recording(Recording { app: "other".into(), ..recording("a6", 60_000, State::Finished) });
    store.writer.flush().await;
    assert!(store.index.set_hidden("a2", true).await.unwrap());
    let ids = async |filter: Filter, before: Option<&str>, limit| {
        let page = Page { before: before.map(str::to_owned), limit };
        let found = store.index.list(&filter, &page).await.unwrap();
        found.into_iter().map(|one| one.id).collect::<Vec<_>>()
    };
    let live = || Filter { app: Some("live".into()), ..Filter::default() };
    assert_eq!(ids(live(), None, 2).await, ["a5", "a4"]);
    assert_eq!(ids(live(), Some("a4"), 9).await, ["a3", "a1"]);
    assert_eq!(ids(Filter { hidden: true, ..live() }, Some("a4"), 9).await, ["a3", "a2", "a1"]);
    assert_eq!(ids(Filter { state: Some(State::Recording), ..live() }, None, 9).await, ["a5"]);
    assert_eq!(ids(Filter::default(), None, 1).await, ["a6"]);
    let between = store.index.by_time("live", "room", 30_500, 50_001).await.unwrap();
    assert_eq!(between.iter().map(|one| one.id.as_str()).collect::<Vec<_>>(), ["a3", "a4", "a5"]);
}

#[tokio::test]
async fn what_an_operator_set_outlives_the_recorders_news() {
    let scratch = Scratch::new();
    let store = open(&scratch).await;
    store.writer.put_recording(recording("a1", 0, State::Recording));
    store.writer.put_part(part("a1", 1, Format::Fmp4));
    store.writer.flush().await;
    store.index.set_hidden("a1", true).await.unwrap();
    store.index.set_expires("a1", Some(7)).await.unwrap();
    assert_eq!(store.index.expired(7, 9).await.unwrap(), []);
    store.writer.put_recording(recording("a1", 0, State::Finished));
    store.writer.put_part(Part { state: PartState::Local, ..part("a1", 1, Format::Fmp4) });
    store.writer.flush().await;
    let found = store.index.find("a1").await.unwrap().unwrap();
    assert_eq!((found.hidden, found.expires_ms, found.state), (true, Some(7), State::Finished));
    assert_eq!(store.index.expired(6, 9).await.unwrap(), []);
    assert_eq!(store.index.expired(7, 9).await.unwrap().len(), 1);
    let local = store.uploads.waiting(9).await.unwrap();
    assert!(store.uploads.set_uploaded(&local[0], "weir/a1/1.mp4", None).await.unwrap());
    assert_eq!(store.uploads.waiting(9).await.unwrap(), []);
    store.writer.put_part(part("a1", 1, Format::Fmp4));
    store.writer.flush().await;
    assert_eq!(store.index.parts("a1").await.unwrap()[0].state, PartState::Uploaded);
}

#[tokio::test]
async fn a_deleted_recording_leaves_nothing_and_late_news_do_not_bring_its_parts_back() {
    let scratch = Scratch::new();
    let store = open(&scratch).await;
    store.writer.put_recording(recording("a1", 0, State::Finished));
    store.writer.put_part(part("a1", 1, Format::Fmp4));
    store.writer.put_keys("a1", 1, 0, &[Key { time_ms: 0, offset: 0 }]);
    store.writer.flush().await;
    assert!(store.index.delete("a1").await.unwrap());
    assert!(!store.index.delete("a1").await.unwrap());
    store.writer.put_part(part("a1", 1, Format::Fmp4));
    store.writer.flush().await;
    assert_eq!(store.index.parts("a1").await.unwrap(), []);
    assert_eq!(store.index.keys("a1", 1).await.unwrap(), []);
}

#[tokio::test]
async fn a_locked_database_holds_up_nobody_and_gets_everything_afterwards() {
    let scratch = Scratch::new();
    let store = open(&scratch).await;
    let options = SqliteConnectOptions::new().filename(scratch.path().join(FILE)).busy_timeout(BUSY);
    let other = SqlitePoolOptions::new().max_connections(1).connect_with(options).await.unwrap();
    let mut held = other.acquire().await.unwrap();
    sqlx::query("BEGIN IMMEDIATE").execute(&mut *held).await.unwrap();
    let began = std::time::Instant::now();
    for number in 0..1_000 {
        store.writer.put_recording(Recording { bytes: number, ..recording("a1", 0, State::Recording) });
    }
    assert!(began.elapsed() < Duration::from_millis(500));
    assert_eq!(store.index.find("a1").await.unwrap(), None);
    sqlx::query("ROLLBACK").execute(&mut *held).await.unwrap();
    store.writer.flush().await;
    assert_eq!(store.index.find("a1").await.unwrap().unwrap().bytes, 999);
}

#[tokio::test]
async fn an_upload_goes_on_where_it_was_and_what_is_deleted_is_deleted_in_the_store_too() {
    let scratch = Scratch::new();
    let store = open(&scratch).await;
    let local = |number| Part { state: PartState::Local, ..part("a1", number, Format::Fmp4) };
    store.writer.put_recording(recording("a1", 0, State::Finished));
    [1, 2, 3].into_iter().for_each(|number| store.writer.put_part(local(number)));
    store.close().await;
    let store = open(&scratch).await;
    let uploads = &store.uploads;
    let upload = |number, pieces: &[(u64, &str)]| Upload {
        object_key: format!("key-{number}"),
        upload_id: format!("id-{number}"),
        bytes: 12,
        piece_bytes: 5,
        pieces: pieces.iter().map(|(piece, tag)| (*piece, (*tag).to_owned())).collect(),
    };
    for number in [1, 2] {
        assert!(uploads.begin(&local(number), &upload(number, &[])).await.unwrap());
        assert!(uploads.put_piece(&local(number), 1, "b").await.unwrap());
        assert!(uploads.put_piece(&local(number), 0, "a").await.unwrap());
    }
    assert!(!uploads.put_piece(&local(3), 0, "a").await.unwrap());
    store.close().await;
    let store = open(&scratch).await;
    let uploads = &store.uploads;
    assert_eq!(uploads.find(&local(1)).await.unwrap(), Some(upload(1, &[(0, "a"), (1, "b")])));
    let backlog = Backlog { waiting_files: 3, waiting_bytes: 36, local_bytes: 36 };
    assert_eq!(uploads.backlog().await.unwrap(), backlog);
    assert!(uploads.set_uploaded(&local(1), "key-1", None).await.unwrap());
    assert_eq!(uploads.find(&local(1)).await.unwrap(), None);
    uploads.set_remote(&local(1)).await.unwrap();
    // Not where it is only here.
    uploads.set_remote(&local(3)).await.unwrap();
    let backlog = Backlog { waiting_files: 2, waiting_bytes: 24, local_bytes: 24 };
    assert_eq!(uploads.backlog().await.unwrap(), backlog);
    assert_eq!(uploads.without_note(9).await.unwrap(), []);
    assert!(uploads.set_uploaded(&local(3), "key-3", None).await.unwrap());
    assert!(uploads.set_note("a1", Some("note")).await.unwrap());
    assert!(store.index.delete("a1").await.unwrap());
    let left = uploads.to_delete(None, 9).await.unwrap();
    let names: Vec<_> = left.iter().map(|what| (what.object_key.as_str(), what.upload_id.as_str())).collect();
    assert_eq!(names, [("key-1", ""), ("key-2", "id-2"), ("key-3", ""), ("note", "")]);
    assert_eq!(uploads.to_delete(Some(&left[1]), 9).await.unwrap(), left[2..]);
    assert_eq!(uploads.to_delete(left.last(), 9).await.unwrap(), []);
    for what in &left {
        uploads.deleted(what).await.unwrap();
    }
    assert_eq!(uploads.to_delete(None, 9).await.unwrap(), []);
    assert!(!uploads.begin(&local(1), &upload(1, &[])).await.unwrap());
    assert!(!uploads.set_uploaded(&local(1), "key-1", None).await.unwrap());
}

#[tokio::test]
async fn views_are_added_up_and_no_recorder_takes_them_back() {
    let scratch = Scratch::new();
    let store = open(&scratch).await;
    let row = recording("a1", 1_000, State::Recording);
    store.writer.put_recording(row.clone());
    let watched = async || store.index.find("a1").await.unwrap().unwrap().watched;
    store.writer.add_watched("a1", Watched { views: 1, bytes: 10 });
    store.writer.add_watched("a1", Watched { views: 0, bytes: 5 });
    store.writer.add_watched("gone", Watched { views: 1, bytes: 1 });
    store.writer.flush().await;
    assert_eq!(watched().await, Watched { views: 1, bytes: 15 });
    store.writer.put_recording(row);
    store.writer.add_watched("a1", Watched { views: 2, bytes: 1 });
    store.close().await;
    let store = open(&scratch).await;
    assert_eq!(store.index.find("a1").await.unwrap().unwrap().watched, Watched { views: 3, bytes: 16 });
}

#[tokio::test]
async fn a_file_of_a_newer_server_is_told_from_a_damaged_one_and_neither_is_to_be_thrown_away() {
    let scratch = Scratch::new();
    let path = scratch.path().join(FILE);
    let refused = async || {
        let error = Store::open(scratch.path()).await.expect_err("it cannot be opened");
        [Lang::En, Lang::Zh].map(|lang| told::text(&error, lang))
    };
    let store = open(&scratch).await;
    store.close().await;
    let options = SqliteConnectOptions::new().filename(&path);
    let pool = SqlitePool::connect_with(options).await.unwrap();
    let row =
        "INSERT INTO _sqlx_migrations VALUES (99999999999999, 'of later', CURRENT_TIMESTAMP, TRUE, x'00', 0)";
    sqlx::query(row).execute(&pool).await.unwrap();
    pool.close().await;
    let [en, zh] = refused().await;
    assert!(en.contains("newer Weir") && en.contains("run that version"), "{en}");
    assert!(zh.contains("更新的 Weir") && zh.contains("请运行那个版本"), "{zh}");
    std::fs::write(&path, "this is no database, ".repeat(500)).unwrap();
    let [en, zh] = refused().await;
    assert!(en.contains("damaged") && en.contains("backup") && en.contains("only in this file"), "{en}");
    assert!(zh.contains("已损坏") && zh.contains("备份"), "{zh}");
    std::fs::remove_file(&path).unwrap();
    std::fs::create_dir(&path).unwrap();
    let [en, zh] = refused().await;
    assert!(en.contains("cannot open") && !en.contains("damaged"), "{en}");
    assert!(zh.contains("无法打开") && !zh.contains("损坏"), "{zh}");
}
