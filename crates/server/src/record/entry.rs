//! One recording in progress, as others see it: its orders, and how far they are carried out.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use hub::Name;
use tokio::sync::watch;
use tokio::time::timeout;

use super::queue::Queue;
use super::rules::Options;
use crate::store::State;

/// How long somebody who gave an order waits for it.
const PATIENCE: Duration = Duration::from_secs(10);

/// A recording in progress.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) id: String,
    pub(super) name: Name,
    pub(super) options: Options,
    /// Where its jobs go, as soon as there is a folder for it.
    pub(super) queue: OnceLock<Arc<Queue>>,
    /// When its first frame came, in milliseconds since 1970, as soon as there is one.
    pub(super) started_ms: OnceLock<i64>,
    hidden: AtomicBool,
    control: watch::Sender<Control>,
    done: watch::Sender<Done>,
}

/// How far it is.
#[derive(Debug, Clone, Copy, Default)]
struct Done {
    /// The order that was carried out last.
    order: Option<Control>,
    /// It is over, whatever its orders were.
    over: bool,
}

/// What a recording is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Control {
    /// Go on.
    Run,
    /// Write nothing until you are told to go on.
    Pause,
    /// End.
    End {
        state: State,
        reason: &'static str,
        /// Leave what takes long to the next start.
        later: bool,
    },
}

impl Control {
    /// Somebody stops it.
    pub(super) const STOPPED: Control =
        Control::End { state: State::Finished, reason: "stopped", later: false };
    /// The server ends.
    pub(super) const SERVER_STOP: Control =
        Control::End { state: State::Finished, reason: "server_stop", later: true };
    /// The stream ended and did not come back.
    pub(super) const OVER: Control = Control::End { state: State::Finished, reason: "ended", later: false };
}

impl Entry {
    pub(super) fn new(id: String, name: Name, options: Options) -> Entry {
        let (control, done) = (watch::Sender::new(Control::Run), watch::Sender::new(Done::default()));
        Entry {
            id,
            name,
            options,
            queue: OnceLock::new(),
            started_ms: OnceLock::new(),
            hidden: AtomicBool::new(false),
            control,
            done,
        }
    }

    /// Notes whether viewers are shown it.
    pub(super) fn set_hidden(&self, hidden: bool) {
        self.hidden.store(hidden, Ordering::Relaxed);
    }

    /// Whether viewers are not shown it.
    pub(super) fn is_hidden(&self) -> bool {
        self.hidden.load(Ordering::Relaxed)
    }

    /// Tells it something. An end cannot be taken back.
    pub(super) fn order(&self, order: Control) {
        self.control.send_modify(|control| {
            if !matches!(control, Control::End { .. }) {
                *control = order;
            }
        });
    }

    /// What it was told last.
    pub(super) fn orders(&self) -> watch::Receiver<Control> {
        self.control.subscribe()
    }

    /// Notes that an order was carried out.
    pub(super) fn carried_out(&self, order: Control) {
        self.done.send_modify(|done| done.order = Some(order));
    }

    /// Notes that it is over.
    pub(super) fn is_over(&self) {
        self.done.send_modify(|done| done.over = true);
    }

    /// Returns when the newest order was carried out, or after a while.
    pub(super) async fn settled(&self) {
        let wanted = *self.control.borrow();
        let mut done = self.done.subscribe();
        // Whoever waits in vain sees in the index how far it is.
        let _ = timeout(PATIENCE, done.wait_for(|done| done.over || done.order == Some(wanted))).await;
    }
}
