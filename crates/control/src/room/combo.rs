//! Gifts in a row: how many of the same somebody has sent without a pause.

use std::collections::HashMap;

/// Longest pause within a row, in milliseconds.
pub const PAUSE_MS: u64 = 5_000;

/// Most rows that are counted at once; beyond, new ones are not told from single gifts.
const ROWS_MAX: usize = 20_000;

/// The rows that go on now, by who sends and what.
#[derive(Debug, Default)]
pub struct Combos {
    rows: HashMap<(String, String), Row>,
}

#[derive(Debug)]
struct Row {
    count: u32,
    last_ms: u64,
}

impl Combos {
    /// So many more were sent; how many it is in a row, with these.
    pub fn add(&mut self, user: &str, gift: &str, count: u32, now_ms: u64) -> u32 {
        if self.rows.len() >= ROWS_MAX {
            self.tidy(now_ms);
        }
        let key = (user.to_owned(), gift.to_owned());
        if self.rows.len() >= ROWS_MAX && !self.rows.contains_key(&key) {
            return count;
        }
        let row = self.rows.entry(key).or_insert(Row { count: 0, last_ms: now_ms });
        if now_ms.saturating_sub(row.last_ms) > PAUSE_MS {
            row.count = 0;
        }
        row.count = row.count.saturating_add(count);
        row.last_ms = row.last_ms.max(now_ms);
        row.count
    }

    /// Forgets the rows that are over. To be called now and then.
    pub fn tidy(&mut self, now_ms: u64) {
        self.rows.retain(|_, row| now_ms.saturating_sub(row.last_ms) <= PAUSE_MS);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_pause_begins_a_new_row_and_rows_are_of_one_person_and_one_gift() {
        let mut combos = Combos::default();
        assert_eq!(combos.add("u1", "rose", 1, 0), 1);
        assert_eq!(combos.add("u1", "rose", 9, PAUSE_MS), 10);
        assert_eq!(combos.add("u1", "car", 1, PAUSE_MS), 1);
        assert_eq!(combos.add("u2", "rose", 1, PAUSE_MS), 1);
        assert_eq!(combos.add("u1", "rose", 1, 2 * PAUSE_MS + 1), 1);
    }

    proptest! {
        /// Whatever comes when: a row counts exactly what was sent since the last pause.
        #[test]
        fn a_row_is_the_sum_since_the_last_pause(
            sends in proptest::collection::vec((0_u8..3, 0_u8..2, 1_u32..100, 0_u64..8_000), 1..200),
            tidy_every in 1_usize..20,
        ) {
            let mut combos = Combos::default();
            let mut model: HashMap<(u8, u8), Vec<(u64, u32)>> = HashMap::new();
            let mut now_ms = 0;
            for (number, (user, gift, count, wait_ms)) in sends.into_iter().enumerate() {
                now_ms += wait_ms;
                let sent = model.entry((user, gift)).or_default();
                if sent.last().is_some_and(|(last_ms, _)| now_ms - last_ms > PAUSE_MS) {
                    sent.clear();
                }
                sent.push((now_ms, count));
                let expected: u32 = sent.iter().map(|(_, count)| count).sum();
                prop_assert_eq!(combos.add(&user.to_string(), &gift.to_string(), count, now_ms), expected);
                if number % tidy_every == 0 {
                    combos.tidy(now_ms);
                }
            }
        }
    }
}
