//! Between the task of a recording, which must not wait, and its files, which may: a queue with a bound, emptied by one
//! thread of the runtime's pool at a time. While nothing is queued no thread is held.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use super::cut::Step;
use super::failure::Failure;
use super::files::Files;
use crate::store::State;

/// One thing to do.
#[derive(Debug)]
pub(super) enum Job {
    /// With the files.
    Step(Step),
    /// Something is missing here.
    Gap,
    /// It is paused, or goes on.
    Paused(bool),
    /// Viewers are not shown it, or are.
    Hidden(bool),
    /// It ends.
    End { state: State, reason: &'static str, now_ms: i64, later: bool },
}

/// There is no room: the disk is too slow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;

/// The queue of one recording.
#[derive(Debug)]
pub(super) struct Queue {
    max_bytes: usize,
    waiting: Mutex<Waiting>,
    files: Mutex<Files>,
    state: watch::Sender<Progress>,
}

#[derive(Debug, Default)]
struct Waiting {
    jobs: VecDeque<(Job, usize)>,
    bytes: usize,
    /// A thread is at it.
    busy: bool,
}

/// How far the files are.
#[derive(Debug, Clone, Default)]
pub(super) struct Progress {
    /// Nothing is queued or being written.
    pub(super) idle: bool,
    /// Why nothing can be written any more.
    pub(super) failure: Option<Failure>,
}

impl Queue {
    pub(super) fn new(files: Files, max_bytes: usize) -> Arc<Queue> {
        let state = watch::Sender::new(Progress { idle: true, failure: None });
        Arc::new(Queue { max_bytes, waiting: Mutex::default(), files: Mutex::new(files), state })
    }

    /// Queues a step, unless it is media and there is no room. One batch always has room.
    pub(super) fn push(self: &Arc<Queue>, job: Job) -> Result<(), Full> {
        let bytes = weight(&job);
        let mut waiting = self.lock();
        if bytes > 0 && waiting.bytes > 0 && waiting.bytes.saturating_add(bytes) > self.max_bytes {
            return Err(Full);
        }
        waiting.bytes += bytes;
        waiting.jobs.push_back((job, bytes));
        if !std::mem::replace(&mut waiting.busy, true) {
            self.state.send_modify(|state| state.idle = false);
            let queue = self.clone();
            tokio::task::spawn_blocking(move || queue.drain());
        }
        Ok(())
    }

    /// Told whenever the files fail or have caught up.
    pub(super) fn progress(&self) -> watch::Receiver<Progress> {
        self.state.subscribe()
    }

    fn drain(&self) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let mut waiting = self.lock();
            let Some((job, bytes)) = waiting.jobs.pop_front() else {
                waiting.busy = false;
                self.state.send_modify(|state| state.idle = true);
                return;
            };
            drop(waiting);
            let failed = self.state.borrow().failure.is_some();
            // A panic in it is a bug of ours. Nobody would empty the queue any more, and the recording not know.
            let done = catch_unwind(AssertUnwindSafe(|| carry_out(&mut files, job, failed)));
            let done = done.unwrap_or(Err(Failure::Panic));
            self.lock().bytes -= bytes;
            if let Err(failure) = done {
                self.state.send_modify(|state| state.failure = Some(failure));
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn carry_out(files: &mut Files, job: Job, failed: bool) -> Result<(), Failure> {
    match job {
        // The end is written, if it can be, also when the rest could not.
        Job::Step(_) if failed => {}
        Job::Step(step) => return files.handle(step),
        Job::Gap => files.note_gap(),
        Job::Paused(paused) => files.set_paused(paused),
        Job::Hidden(hidden) => files.set_hidden(hidden),
        Job::End { state, reason, now_ms, later } => files.end(state, reason, now_ms, later),
    }
    Ok(())
}

/// How many bytes of media a job holds.
fn weight(job: &Job) -> usize {
    let Job::Step(Step::Write(batch)) = job else { return 0 };
    batch.frames.iter().map(|frame| frame.body.len()).sum()
}

#[cfg(test)]
pub(super) mod tests {
    use std::path::Path;
    use std::sync::mpsc;
    use std::time::Duration;

    use bytes::Bytes;
    use media::frame::{Frame, Kind};
    use media::mp4::Detail;

    use super::super::cut::{Cutter, Split};
    use super::super::files::Manner;
    use super::super::scan::scan;
    use super::*;
    use crate::scratch::Scratch;
    use crate::store::{Format, Recording, Store};

    pub(in super::super) fn recording() -> Recording {
        Recording::begun(&"0".repeat(24), ("live", "room"), 0)
    }

    /// Seconds of sound, of about 10 KB each.
    pub(in super::super) fn steps(seconds: i64) -> Vec<Step> {
        let frame = |time, body: &[u8]| {
            Frame::classify(Kind::Audio, time, Bytes::copy_from_slice(body)).expect("sound")
        };
        let mut cutter = Cutter::new(Split::default());
        let mut steps = cutter.handle_frame(&frame(0, &[0xaf, 0, 0x12, 0x10]), 0, 0);
        for time in (0..seconds * 1_000).step_by(20) {
            steps.extend(cutter.handle_frame(&frame(time, &[&[0xaf, 1][..], &[7; 200]].concat()), 0, time));
        }
        steps.extend(cutter.finish());
        steps
    }

    pub(in super::super) fn manner(root: &Path, store: &Store) -> Manner {
        Manner {
            root: root.to_owned(),
            formats: vec![Format::Fmp4],
            retention_days: 0,
            fsync: Duration::ZERO,
            index: store.writer.clone(),
            figures: Arc::default(),
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_slow_disk_fills_the_queue_and_holds_up_nobody_and_what_was_taken_is_written() {
        let scratch = Scratch::new();
        let store = Store::open(scratch.path()).await.unwrap();
        let manner = manner(&scratch.path().join("recordings"), &store);
        let root = manner.root.clone();
        let queue = Queue::new(Files::create(manner, recording()).unwrap(), 50_000);
        let (mut taken, mut refused) = (0, 0);
        {
            // As long as a write takes.
            let _slow = queue.files.lock().unwrap();
            for step in steps(20) {
                match queue.push(Job::Step(step)) {
                    Ok(()) => taken += 1,
                    Err(Full) => refused += 1,
                }
            }
        }
        assert!((4..=8).contains(&taken) && refused > 10, "{taken} {refused}");
        queue.push(Job::End { state: State::Finished, reason: "ended", now_ms: 9, later: false }).unwrap();
        queue.progress().wait_for(|progress| progress.idle).await.unwrap();
        let folder = queue.files.lock().unwrap().place();
        let (index, len) = scan(&root.join(folder).join("0001.mp4"), Detail::Fragments).unwrap();
        // Of what was taken, one was the beginning and one the end of the part.
        assert_eq!((index.fragments.len(), index.end()), (taken - 2, len));
    }
    /// What a killed server loses is what it had not written: so no write may wait until the disk keeps another one.
    #[test]
    fn while_the_disk_does_not_answer_all_that_comes_is_written() {
        let scratch = Scratch::new();
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let store = runtime.block_on(Store::open(scratch.path())).unwrap();
        let manner = Manner { fsync: Duration::from_nanos(1), ..manner(scratch.path(), &store) };
        let mut files = Files::create(manner, recording()).unwrap();
        let path = scratch.path().join(files.place()).join("0001.mp4");
        let mut steps = steps(20);
        assert!(matches!(steps.pop(), Some(Step::Close)));
        let media = steps.split_off(1);
        steps.into_iter().for_each(|step| files.handle(step).unwrap());
        let disk = files.disk().unwrap();
        let slow = disk.lock().unwrap();
        let (done, is_done) = mpsc::channel();
        let count = media.len();
        let work = runtime.spawn_blocking(move || {
            media.into_iter().for_each(|step| files.handle(step).unwrap());
            done.send(()).unwrap();
        });
        is_done.recv_timeout(Duration::from_secs(10)).expect("no write waits for the disk");
        let (index, _) = scan(&path, Detail::Fragments).unwrap();
        assert_eq!(index.fragments.len(), count);
        drop(slow);
        runtime.block_on(work).unwrap();
    }
}
