//! A draw that anybody can repeat.
//!
//! Before anybody takes part, the hash of a secret seed is published ([`commitment`]). At the draw the seed is shown, and
//! the winners follow from it and from who took part: nobody, the operator neither, can choose the seed by what comes out.
//!
//! ```text
//! commitment = SHA-256(seed)
//! entries    = SHA-256(ids of those who took part, sorted by their bytes, each followed by a line feed)
//! ticket     = SHA-256(seed, line feed, entries, line feed, id)       for each of them
//! winners    = those with the lowest tickets, the lowest first
//! ```
//!
//! Every hash is meant, and goes into others, as lower-case hexadecimal text; so is the seed.

use crate::digest::sha256_hex;

/// Most who may take part.
pub const ENTRIES_MAX: usize = 100_000;

/// Most winners of one lottery.
pub const WINNERS_MAX: u32 = 1_000;

/// What is published of a seed before it is shown.
pub fn commitment(seed: &str) -> String {
    sha256_hex(&[seed])
}

/// The hash of who takes part; sorts them, each once.
pub fn entries_hash(ids: &mut Vec<String>) -> String {
    ids.sort_unstable();
    ids.dedup();
    let parts: Vec<&str> = ids.iter().flat_map(|id| [id.as_str(), "\n"]).collect();
    sha256_hex(&parts)
}

/// Who wins, the first prize first. Sorts who takes part, each once, and gives the hash of them too.
pub fn draw(seed: &str, ids: &mut Vec<String>, winners: u32) -> (String, Vec<String>) {
    let entries = entries_hash(ids);
    let mut tickets: Vec<(String, &String)> =
        ids.iter().map(|id| (sha256_hex(&[seed, "\n", &entries, "\n", id]), id)).collect();
    tickets.sort_unstable();
    let count = usize::try_from(winners).unwrap_or(usize::MAX);
    let winners = tickets.into_iter().take(count).map(|(_, id)| id.clone()).collect();
    (entries, winners)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(ids: &[&str]) -> Vec<String> {
        ids.iter().map(|id| (*id).to_owned()).collect()
    }

    #[test]
    fn a_draw_depends_on_the_seed_and_on_everybody_and_not_on_the_order() {
        let (entries, winners) = draw("ab", &mut ids(&["u1", "u2", "u3"]), 2);
        let (again, same) = draw("ab", &mut ids(&["u3", "u1", "u2", "u1"]), 2);
        assert_eq!((&entries, &winners), (&again, &same));
        assert_eq!(winners.len(), 2);
        let (other, _) = draw("ab", &mut ids(&["u1", "u2"]), 2);
        assert_ne!(entries, other);
        assert_eq!(draw("ab", &mut ids(&["u1"]), 5).1, ["u1"]);
        assert_eq!(draw("ab", &mut Vec::new(), 5).1, [""; 0]);
    }

    #[test]
    fn nobody_is_favoured() {
        let mut wins = [0_u32; 10];
        for round in 0..2_000 {
            let (_, winners) = draw(&round.to_string(), &mut (0..10).map(|n| n.to_string()).collect(), 1);
            wins[winners[0].parse::<usize>().unwrap()] += 1;
        }
        // 200 each, with a standard deviation of 13.
        assert!(wins.iter().all(|count| (130..270).contains(count)), "{wins:?}");
    }

    /// Values that `sha256sum` gave.
    #[test]
    fn the_hashes_are_as_documented() {
        assert_eq!(commitment("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(entries_hash(&mut ids(&["b", "a"])), HASH_OF_A_B);
    }

    const HASH_OF_A_B: &str = "911169ddaaf146aff539f58c26c489af3b892dff0fe283c1c264c65ae5aa59a2";
}
