//! The relays that the configuration asks for: made when they are wanted, and changed at a reload.

use std::collections::HashSet;
use std::sync::Arc;

use hub::{Hub, Name, Phase};
use tracing::warn;

use super::entry::{Direction, Entry, Mode, Plan};
use super::rules::Rule;
use super::{Relays, Table};
use crate::config::Config;
use crate::net::Guard;

impl Relays {
    /// Puts the relays of another configuration into force. One whose section is as it was is not touched; one whose
    /// section is gone ends. Where another section pulls the same stream, that pull goes on with it, and its viewers stay.
    pub fn reload(&self, config: &Config) {
        let mut table = self.lock();
        let mut gone = std::mem::take(&mut table.rules);
        for rule in config.relay.iter().map(Rule::new) {
            let same = gone.iter().position(|known| **known == rule);
            table.rules.push(same.map_or_else(|| Arc::new(rule), |at| gone.swap_remove(at)));
        }
        // A pull at any time goes before one on demand.
        let is_static = |rule: &Arc<Rule>, name: &Name| rule.is_static_pull() && rule.patterns.matches(name);
        let is_gone = |entry: &Arc<Entry>| {
            let on_demand = entry.rule.is_some() && entry.mode == Mode::OnDemand;
            let replaced = on_demand && table.rules.iter().any(|rule| is_static(rule, &entry.name));
            replaced || gone.iter().any(|rule| entry.is_of(rule))
        };
        let ended: Vec<Arc<Entry>> = table.entries.values().filter(|entry| is_gone(entry)).cloned().collect();
        for entry in &ended {
            table.entries.remove(&entry.id);
        }
        self.begin_static_pulls(&mut table);
        for entry in ended {
            if entry.direction == Direction::Pull
                && let Some(next) = self.pull_of(&mut table, &entry.name)
            {
                entry.hand_over(&next);
            }
            entry.stop.send_replace(true);
        }
    }

    /// Makes the pushes that rules want for the streams on air and that are not there yet.
    pub(super) fn push_what_is_on_air(&self, hub: &Hub) {
        if !self.lock().rules.iter().any(|rule| rule.direction == Direction::Push) {
            return;
        }
        let streams = hub.on_air();
        let mut table = self.lock();
        let rules: Vec<Arc<Rule>> =
            table.rules.iter().filter(|rule| rule.direction == Direction::Push).cloned().collect();
        let pushes = table.entries.values().filter(|entry| entry.direction == Direction::Push);
        let known: HashSet<(*const Rule, Name)> = pushes
            .filter_map(|entry| Some((Arc::as_ptr(entry.rule.as_ref()?), entry.name.clone())))
            .collect();
        for stream in streams.iter().filter(|stream| stream.phase() == Phase::OnAir) {
            let name = stream.name();
            for rule in rules.iter().filter(|rule| rule.patterns.matches(name)) {
                if known.contains(&(Arc::as_ptr(rule), name.clone())) {
                    continue;
                }
                let Ok(target) = rule.target(name) else { continue };
                let (direction, mode, guard) = (Direction::Push, Mode::Static, Guard::OPERATOR);
                let rule = Some(rule.clone());
                let plan = Plan { direction, mode, name: name.clone(), target, guard, rule };
                if self.add_to(&mut table, plan).is_err() {
                    return;
                }
            }
        }
    }

    /// Makes the pulls that rules want at any time and that are not there yet.
    fn begin_static_pulls(&self, table: &mut Table) {
        let rules: Vec<Arc<Rule>> =
            table.rules.iter().filter(|rule| rule.is_static_pull()).cloned().collect();
        for rule in rules {
            if table.entries.values().any(|entry| entry.is_of(&rule)) {
                continue;
            }
            let name = Name::new(&format!("{}/{}", rule.patterns.app, rule.patterns.stream));
            // That every rule makes an address is seen to before a configuration is in force.
            let Ok(target) = rule.target(&name) else { continue };
            let (direction, mode, guard) = (Direction::Pull, Mode::Static, Guard::OPERATOR);
            let plan = Plan { direction, mode, name: name.clone(), target, guard, rule: Some(rule) };
            // Of two rules for one stream the first is in force, like everywhere else.
            if let Err(error) = self.add_new(table, plan) {
                warn!(stream = %name, %error, "a [[relay]] is without effect");
            }
        }
    }

    /// The pull of a stream: the one that is there, or else one that the first on-demand rule for it makes.
    pub(super) fn pull_of(&self, table: &mut Table, name: &Name) -> Option<Arc<Entry>> {
        let pulls = |entry: &&Arc<Entry>| entry.direction == Direction::Pull && entry.name == *name;
        if let Some(entry) = table.entries.values().find(pulls) {
            return Some(entry.clone());
        }
        let fits = |rule: &&Arc<Rule>| rule.is_on_demand_pull() && rule.patterns.matches(name);
        let rule = table.rules.iter().find(fits)?.clone();
        let target = rule.target(name).ok()?;
        let (direction, mode, guard) = (Direction::Pull, Mode::OnDemand, Guard::OPERATOR);
        let plan = Plan { direction, mode, name: name.clone(), target, guard, rule: Some(rule) };
        self.add_to(table, plan).ok()
    }
}
