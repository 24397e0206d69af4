//! The digests inside the blocks, and the bytes around them.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::BLOCK;

pub(super) const DIGEST: usize = 32;

/// What both sides have in front of the text of their key when they sign an answer.
const KEY_TAIL: [u8; 32] = [
    0xf0, 0xee, 0xc2, 0x4a, 0x80, 0x68, 0xbe, 0xe8, 0x2e, 0x00, 0xd0, 0xd1, 0x02, 0x9e, 0x7e, 0x57, 0x6e,
    0xec, 0x5d, 0x2d, 0x29, 0x80, 0x6f, 0xab, 0x93, 0xb8, 0xe6, 0x36, 0xcf, 0xeb, 0x31, 0xae,
];

/// Whose block it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Client,
    Server,
}

impl Side {
    /// The key of the digest inside a first block.
    fn block_key(self) -> &'static [u8] {
        match self {
            Side::Client => b"Genuine Adobe Flash Player 001",
            Side::Server => b"Genuine Adobe Flash Media Server 001",
        }
    }

    /// The key of the answer to the other side's digest.
    fn answer_key(self) -> Vec<u8> {
        [self.block_key(), &KEY_TAIL].concat()
    }
}

/// Where the four bytes that place the digest are, and where the digest may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scheme {
    /// Behind time and version.
    Zero,
    /// In the second half.
    One,
}

impl Scheme {
    /// Where the digest is. The sum of four bytes modulo 728 keeps it inside the block whatever they are.
    fn offset(self, block: &[u8; BLOCK]) -> usize {
        let base = match self {
            Scheme::Zero => 8,
            Scheme::One => 772,
        };
        let sum: usize = block[base..base + 4].iter().map(|byte| usize::from(*byte)).sum();
        base + 4 + sum % 728
    }
}

/// The digest in a first block and the scheme that finds it, if it is there and right.
pub(super) fn find(block: &[u8; BLOCK], side: Side) -> Option<(Scheme, [u8; DIGEST])> {
    [Scheme::One, Scheme::Zero].into_iter().find_map(|scheme| {
        let digest = of_block(block, scheme, side);
        let at = scheme.offset(block);
        bool::from(block[at..at + DIGEST].ct_eq(&digest)).then_some((scheme, digest))
    })
}

/// Puts the digest into a first block and returns it.
pub(super) fn sign(block: &mut [u8; BLOCK], scheme: Scheme, side: Side) -> [u8; DIGEST] {
    let digest = of_block(block, scheme, side);
    let at = scheme.offset(block);
    block[at..at + DIGEST].copy_from_slice(&digest);
    digest
}

/// Signs a second block, which answers the digest of the other side's first one.
pub(super) fn sign_answer(block: &mut [u8; BLOCK], side: Side, digest: &[u8; DIGEST]) {
    let key = hmac(&side.answer_key(), &[digest]);
    let (random, place) = block.split_at_mut(BLOCK - DIGEST);
    place.copy_from_slice(&hmac(&key, &[random]));
}

/// Whether a second block answers the digest of our first one.
#[cfg(test)]
pub(super) fn answers(block: &[u8; BLOCK], side: Side, digest: &[u8; DIGEST]) -> bool {
    let mut expected = *block;
    sign_answer(&mut expected, side, digest);
    expected == *block
}

fn of_block(block: &[u8; BLOCK], scheme: Scheme, side: Side) -> [u8; DIGEST] {
    let at = scheme.offset(block);
    hmac(side.block_key(), &[&block[..at], &block[at + DIGEST..]])
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> [u8; DIGEST] {
    // HMAC takes keys of every length; the error type of the constructor is for other algorithms.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; DIGEST] };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Bytes that nobody guesses who does not know `seed`; `label` keeps two blocks of one seed apart.
pub(super) fn random_block(seed: &[u8; 32], label: u8) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    for (index, piece) in block.chunks_mut(DIGEST).enumerate() {
        let index = index as u64;
        piece.copy_from_slice(
            &Sha256::new()
                .chain_update(seed)
                .chain_update([label])
                .chain_update(index.to_be_bytes())
                .finalize(),
        );
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_found_by_the_scheme_that_wrote_it() {
        for scheme in [Scheme::Zero, Scheme::One] {
            for side in [Side::Client, Side::Server] {
                let mut block = random_block(&[7; 32], 0);
                let digest = sign(&mut block, scheme, side);
                assert_eq!(find(&block, side), Some((scheme, digest)));
                block[0] ^= 1;
                assert_eq!(find(&block, side), None);
            }
        }
    }

    #[test]
    fn the_other_sides_key_is_not_taken() {
        let mut block = random_block(&[7; 32], 0);
        sign(&mut block, Scheme::Zero, Side::Server);
        assert_eq!(find(&block, Side::Client), None);
    }

    #[test]
    fn bad_digest_offsets_stay_inside_the_block() {
        // The largest sum is 1020; the largest remainder 727 is the edge of what fits behind each base.
        for bytes in [[0xff; 4], [0, 0, 0, 0], [0xff, 0xff, 0xd9, 0], [0xff, 0xff, 0xff, 0x22]] {
            for scheme in [Scheme::Zero, Scheme::One] {
                let mut block = [0; BLOCK];
                block[8..12].copy_from_slice(&bytes);
                block[772..776].copy_from_slice(&bytes);
                assert!(scheme.offset(&block) + DIGEST <= BLOCK);
                assert_eq!(find(&block, Side::Client), None);
            }
        }
        let mut block = [0; BLOCK];
        block[772..776].copy_from_slice(&[0xff, 0xff, 0xd9, 0]);
        assert_eq!(Scheme::One.offset(&block), 776 + 727);
    }

    #[test]
    fn random_blocks_differ_by_seed_and_label() {
        assert_ne!(random_block(&[1; 32], 0), random_block(&[2; 32], 0));
        assert_ne!(random_block(&[1; 32], 0), random_block(&[1; 32], 1));
        let block = random_block(&[1; 32], 0);
        assert_ne!(block[..32], block[32..64]);
    }
}
