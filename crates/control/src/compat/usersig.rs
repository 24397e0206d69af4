//! UserSig, version 2, of Tencent's IM: an HMAC over lines of text, and what its `userbuf` can hold.
//!
//! The signature is in a JSON object, which is compressed and written in a base64 of its own; that wrapping is the caller's. Two
//! libraries wrap the same fields in different bytes, so a signature is checked by taking the wrapping off, never by wrapping again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::digest::{hmac_sha256, same};
use crate::secret::Keys;

/// How far the clock of whoever signed may be ahead, in seconds.
pub const SKEW_SECONDS: i64 = 60;

/// Longest `userbuf`, in bytes before base64. The vendor's own has some thirty and the names in it.
pub const USERBUF_MAX: usize = 1_024;

/// Highest id of an app.
pub const SDK_APP_ID_MAX: u64 = u32::MAX as u64;

/// What is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UserSig<'a> {
    /// Whose it is.
    pub identifier: &'a str,
    /// For which app.
    pub sdk_app_id: u64,
    /// When it was made, in seconds since 1970.
    pub time: i64,
    /// How many seconds it is good for.
    pub expire: i64,
    /// More, in base64.
    pub userbuf: Option<&'a str>,
}

/// What is wrong with a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It does not fit what is signed and the key.
    Wrong,
    /// It is from the future.
    TooEarly,
    /// It is over.
    Expired,
}

impl UserSig<'_> {
    /// The signature, in plain base64, with the key that signs; none without one.
    pub fn sign(&self, keys: &Keys) -> Option<String> {
        self.signature(keys.usable().next()?.expose())
    }

    /// Whether `signature` is that of one of the keys, and holds now.
    pub fn verify(&self, signature: &str, keys: &Keys, now: i64) -> Result<(), Fault> {
        let fits = |key: &crate::Secret| {
            self.signature(key.expose()).is_some_and(|expected| same(signature, &expected))
        };
        if !keys.usable().any(fits) {
            return Err(Fault::Wrong);
        }
        if self.time > now.saturating_add(SKEW_SECONDS) {
            return Err(Fault::TooEarly);
        }
        if now >= self.until() {
            return Err(Fault::Expired);
        }
        Ok(())
    }

    /// The first second in which it is no longer good.
    pub fn until(&self) -> i64 {
        self.time.saturating_add(self.expire)
    }

    fn signature(&self, key: &str) -> Option<String> {
        let mut text = format!(
            "TLS.identifier:{}\nTLS.sdkappid:{}\nTLS.time:{}\nTLS.expire:{}\n",
            self.identifier, self.sdk_app_id, self.time, self.expire
        );
        if let Some(userbuf) = self.userbuf {
            text.push_str(&format!("TLS.userbuf:{userbuf}\n"));
        }
        Some(STANDARD.encode(hmac_sha256(key, &[&text])?))
    }
}

/// A `userbuf` that opens one room: what the vendor calls a private map key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomKey {
    /// Whose it is.
    pub account: String,
    /// For which app.
    pub sdk_app_id: u32,
    /// The room, when it has a number.
    pub room: u32,
    /// The room, when it has a name.
    pub room_name: Option<String>,
    /// The first second in which it is no longer good, since 1970.
    pub until: u32,
    /// What it allows, a bit for each thing.
    pub privileges: u32,
}

impl RoomKey {
    /// What the room is called.
    pub fn room(&self) -> String {
        self.room_name.clone().unwrap_or_else(|| self.room.to_string())
    }

    /// As it is signed: in base64. None when a name is longer than its length can say.
    pub fn to_userbuf(&self) -> Option<String> {
        let mut bytes = vec![u8::from(self.room_name.is_some())];
        push_text(&mut bytes, &self.account)?;
        for number in [self.sdk_app_id, self.room, self.until, self.privileges, 0] {
            bytes.extend_from_slice(&number.to_be_bytes());
        }
        if let Some(name) = &self.room_name {
            push_text(&mut bytes, name)?;
        }
        (bytes.len() <= USERBUF_MAX).then(|| STANDARD.encode(bytes))
    }

    /// What a `userbuf` says, if it is such a key. Apps may sign any other bytes in its place.
    pub fn from_userbuf(userbuf: &str) -> Option<RoomKey> {
        if userbuf.len() > USERBUF_MAX.div_ceil(3) * 4 {
            return None;
        }
        let bytes = STANDARD.decode(userbuf).ok()?;
        let (version, rest) = bytes.split_first()?;
        let (account, rest) = take_text(rest)?;
        let (sdk_app_id, rest) = take_number(rest)?;
        let (room, rest) = take_number(rest)?;
        let (until, rest) = take_number(rest)?;
        let (privileges, rest) = take_number(rest)?;
        let (_account_type, rest) = take_number(rest)?;
        let (room_name, rest) = match version {
            0 => (None, rest),
            1 => take_text(rest).map(|(name, rest)| (Some(name), rest))?,
            _ => return None,
        };
        rest.is_empty().then_some(RoomKey { account, sdk_app_id, room, room_name, until, privileges })
    }
}

fn push_text(bytes: &mut Vec<u8>, text: &str) -> Option<()> {
    bytes.extend_from_slice(&u16::try_from(text.len()).ok()?.to_be_bytes());
    bytes.extend_from_slice(text.as_bytes());
    Some(())
}

fn take_text(bytes: &[u8]) -> Option<(String, &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    let (text, rest) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
    Some((std::str::from_utf8(text).ok()?.to_owned(), rest))
}

fn take_number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk()?;
    Some((u32::from_be_bytes(*number), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What the vendor's libraries for Python and Node make (`tls-sig-api-v2` of both registries).
    const TIME: i64 = 1_700_000_000;

    fn sig(identifier: &str, sdk_app_id: u64, expire: i64) -> UserSig<'_> {
        UserSig { identifier, sdk_app_id, time: TIME, expire, userbuf: None }
    }

    fn room_key(room: u32, room_name: Option<&str>) -> RoomKey {
        RoomKey {
            account: "xiaojun".into(),
            sdk_app_id: 1_400_000_000,
            room,
            room_name: room_name.map(str::to_owned),
            until: 1_700_086_400,
            privileges: 255,
        }
    }

    #[test]
    fn signatures_are_those_of_the_vendors_libraries() {
        let key = Keys::one("0123456789abcdef".repeat(4));
        let other = Keys::one("k".repeat(64));
        for (sig, keys, signature) in [
            (sig("xiaojun", 1_400_000_000, 15_552_000), &key, "drgwumgV59wIL1bfSAEB1gWgleJ0iSDwzYPhpHGvoCw="),
            (
                sig("administrator", 1_400_000_000, 86_400),
                &key,
                "9awWeUL8MxxbBn8dhB0Jvuo0JKIh4dNCLkGIX4n5fd0=",
            ),
            (sig("u_中", 1_400_000_001, 604_800), &other, "yA1M4VgZ5O9HIjGEfv5KNux3ZCbtp1hnPoNlGMyPnTg="),
        ] {
            assert_eq!(sig.sign(keys).as_deref(), Some(signature));
            assert_eq!(sig.verify(signature, keys, TIME), Ok(()));
            assert_eq!(sig.verify(signature, &Keys::default(), TIME), Err(Fault::Wrong));
            let twice = Keys::both("tomorrow", keys.main.as_ref().unwrap().expose());
            assert_eq!(sig.verify(signature, &twice, TIME), Ok(()));
        }
    }

    #[test]
    fn room_keys_are_those_of_the_vendors_libraries() {
        let key = Keys::one("0123456789abcdef".repeat(4));
        for (room, userbuf, signature) in [
            (
                room_key(10_000, None),
                "AAAHeGlhb2p1blNyTgAAACcQZVVCgAAAAP8AAAAA",
                "1zPrPR/cwmcSqHBEex/JNbp0INPCXQ1/ShNNgukbwGo=",
            ),
            (
                room_key(0, Some("room1")),
                "AQAHeGlhb2p1blNyTgAAAAAAZVVCgAAAAP8AAAAAAAVyb29tMQ==",
                "PqoOrPpR770IfPbUCpRg5oiSUyoRigP3/ChWIvLM74s=",
            ),
        ] {
            assert_eq!(room.to_userbuf().as_deref(), Some(userbuf));
            assert_eq!(RoomKey::from_userbuf(userbuf), Some(room));
            let sig = UserSig { userbuf: Some(userbuf), ..sig("xiaojun", 1_400_000_000, 86_400) };
            assert_eq!(sig.sign(&key).as_deref(), Some(signature));
        }
        for other in ["", "AA==", "!", "AgAHeGlhb2p1blNyTgAAACcQZVVCgAAAAP8AAAAA", &"A".repeat(100_000)] {
            assert_eq!(RoomKey::from_userbuf(other), None);
        }
    }

    #[test]
    fn a_signature_holds_from_its_making_to_its_end() {
        let keys = Keys::one("k");
        let sig = sig("a", 1, 100);
        let signature = sig.sign(&keys).unwrap();
        for (now, told) in [
            (TIME - SKEW_SECONDS - 1, Err(Fault::TooEarly)),
            (TIME - SKEW_SECONDS, Ok(())),
            (TIME + 99, Ok(())),
            (TIME + 100, Err(Fault::Expired)),
        ] {
            assert_eq!(sig.verify(&signature, &keys, now), told, "{now}");
        }
        let endless = UserSig { expire: i64::MAX, time: i64::MAX, ..sig };
        assert_eq!(endless.until(), i64::MAX);
        assert_eq!(UserSig { expire: 101, ..sig }.verify(&signature, &keys, TIME), Err(Fault::Wrong));
    }

    proptest! {
        #[test]
        fn a_room_key_comes_back_as_it_went(account in ".{0,40}", room: u32, name in proptest::option::of(".{0,40}"), until: u32) {
            let key = RoomKey { account, sdk_app_id: 7, room, room_name: name, until, privileges: 255 };
            prop_assert_eq!(RoomKey::from_userbuf(&key.to_userbuf().unwrap()), Some(key));
        }

        #[test]
        fn any_bytes_are_a_room_key_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..80)) {
            let userbuf = STANDARD.encode(&bytes);
            if let Some(key) = RoomKey::from_userbuf(&userbuf) {
                prop_assert_eq!(key.room().is_empty(), key.room_name.as_deref() == Some(""));
            }
        }
    }
}
