//! A viewer on a thread of its own, watched from its first frame to its end.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::thread::JoinHandle;

use crate::clip;
use crate::viewer::{Seen, Viewer};
use crate::watch::Watch;

/// What [`Follower::stamp`] says before the first picture.
const NONE: i64 = -1;

/// A viewer that is watching.
pub struct Follower {
    stamp: Arc<AtomicI64>,
    thread: JoinHandle<anyhow::Result<Followed>>,
}

/// What a viewer was sent in all.
pub struct Followed {
    /// What is checked of every viewer.
    pub watch: Watch,
    /// Every frame.
    pub seen: Vec<Seen>,
    /// The server's last word, if it had one.
    pub reason: Option<String>,
    /// The bytes of the last word, to the close of the connection.
    pub rest: Vec<u8>,
}

impl Follower {
    /// Plays an address and watches. It returns at once: the server may keep the viewer waiting for a publisher.
    pub fn start(url: &str, watch: Watch) -> Follower {
        let url = url.to_owned();
        Follower::run(move || Viewer::open(&url), watch)
    }

    /// Goes on with a viewer that was let in.
    pub fn of(viewer: Viewer, watch: Watch) -> Follower {
        Follower::run(move || Ok(viewer), watch)
    }

    /// The publisher's time of the newest picture of a [`clip`] that has come.
    pub fn stamp(&self) -> Option<u32> {
        u32::try_from(self.stamp.load(Ordering::SeqCst)).ok()
    }

    /// Whether its connection has ended.
    pub fn is_over(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for the end of the connection.
    pub fn finish(self) -> anyhow::Result<Followed> {
        self.thread.join().map_err(|_| anyhow::anyhow!("the viewer's thread ended in a panic"))?
    }

    fn run(open: impl FnOnce() -> anyhow::Result<Viewer> + Send + 'static, mut watch: Watch) -> Follower {
        let stamp = Arc::new(AtomicI64::new(NONE));
        let newest = stamp.clone();
        let thread = std::thread::spawn(move || {
            let mut viewer = open()?;
            let mut seen = Vec::new();
            while let Some(frame) = viewer.next()? {
                watch.see(&frame);
                let stamp = clip::stamp(&frame.body);
                seen.push(frame);
                if let Some(stamp) = stamp {
                    newest.store(stamp.into(), Ordering::SeqCst);
                }
            }
            let rest = viewer.rest()?;
            Ok(Followed { watch, seen, reason: viewer.reason().map(str::to_owned), rest })
        });
        Follower { stamp, thread }
    }
}
