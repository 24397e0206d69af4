//! What can be asked of any build on any machine: counts and sizes, of which no noise explains a wrong one.
//!
//! Rooms are small here: that every server gets every message to everybody, and so can be measured.
//!
//! There is no time among them, and neither are instructions: under callgrind a pass over the viewers takes fifty
//! times as long, so Weir merges as if it were overloaded and what is counted is not what it does.

use std::ops::RangeInclusive;
use std::time::Duration;

use anyhow::{Result, ensure};

use crate::measure::{Ground, Plan, measure};
use crate::peer::Peer;
use crate::report::Lines;
use crate::talk::{self, talk};
use crate::viewer::Protocol;

/// Viewers with whom Weir has nothing to do, and with whom it has more than a core can do message by message.
const FEW: usize = 20;
const MANY: usize = 2_000;

const SECONDS: f64 = 3.0;

/// Write calls per message and viewer when there is time: each message has its own, apart from those that came
/// together, and each wake-up of a shard is one more. Halved would be a server that lets viewers wait for nothing.
const WRITES_IDLE: RangeInclusive<f64> = 0.5..=1.2;

/// When there is none: messages of up to 100 ms go out together, which are about seven. Without a window of its own a
/// full core merges too, as it comes late, and is at 0.6.
const WRITES_FULL: RangeInclusive<f64> = 0.05..=0.35;

/// A viewer costs 1.3 KB over HTTP and 3 to 3.6 KB over RTMP; a buffer of its own would be 4 KB or more.
const VIEWER_KB: RangeInclusive<f64> = 0.0..=6.0;

/// A room that every server has to do with, each in its turn.
const TALKERS: [Peer; 6] = [Peer::Weir, Peer::Mosquitto, Peer::Redis, Peer::Nats, Peer::Ws, Peer::Floor(0)];
const ROOM: talk::Plan = talk::Plan {
    members: 20,
    rate: 20.0,
    size: 200,
    seconds: 1.0,
    settle: Duration::from_millis(100),
    likes: 0.0,
    stalled_percent: 0.0,
    cut_seconds: None,
};

/// Measures Weir with few and with many viewers, and small rooms, prints what came of it, and fails when something is out of bounds.
pub(crate) fn check(ground: &Ground, protocols: &[Protocol], lines: &mut Lines) -> Result<()> {
    let mut faults = Vec::new();
    for &protocol in protocols {
        for (viewers, poll_ms) in [(FEW, 0), (MANY, 10)] {
            let (peer, cores) = (Peer::Weir, "0".to_owned());
            let plan = Plan { peer, protocol, viewers, streams: 1, seconds: SECONDS, poll_ms, cores };
            let row = measure(ground, &plan)?;
            lines.add("check", &row)?;
            let who = format!("{} {viewers} viewers", protocol.name());
            ensure!(row.alive == viewers, "{who}: {} stayed; {:?}", row.alive, row.first_error);
            if let Some(reason) = row.invalid {
                println!("{who}: says nothing, as {reason}");
                continue;
            }
            let writes = if viewers == FEW { WRITES_IDLE } else { WRITES_FULL };
            let mut judge = |what: &str, value: f64, bounds: RangeInclusive<f64>| {
                let line = format!("{who}: {value:.2} {what} (from {} to {})", bounds.start(), bounds.end());
                println!("{line}");
                if !bounds.contains(&value) {
                    faults.push(line);
                }
            };
            judge("writes per message", row.writes_per_message, writes);
            if viewers == MANY {
                judge("KB of memory per viewer", row.rss_per_viewer_kb, VIEWER_KB);
            }
        }
    }
    for peer in TALKERS.iter().filter(|peer| ground.programs.missing(peer).is_none()) {
        let row = talk(ground, peer, &ROOM)?;
        lines.add("check chat", &row)?;
        let line = format!(
            "chat {}: {} deliveries, {:.0} % of all, {} lost",
            row.peer, row.deliveries, row.complete_percent, row.lost
        );
        println!("{line}");
        let whole = row.complete_percent == 100.0 && row.deliveries > 0 && row.p99_ms.is_some();
        if !whole || row.lost > 0 || row.refused > 0 {
            faults.push(format!("{line}; {:?}", row.first_error));
        }
    }
    ensure!(faults.is_empty(), "out of bounds:\n{}", faults.join("\n"));
    Ok(())
}
