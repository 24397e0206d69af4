//! As much of a certificate (RFC 5280 section 4.1) as tells who signed it, for whom, and until when.

use rustls::pki_types::CertificateDer;

use crate::time::days_from_civil;

/// What was read.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Certificate<'a> {
    /// Who signed it, encoded.
    pub(crate) issuer: &'a [u8],
    /// Whose it is, encoded.
    pub(crate) subject: &'a [u8],
    /// The first second at which it is good, since 1970.
    pub(crate) from: i64,
    /// The last one.
    pub(crate) until: i64,
}

const SEQUENCE: u8 = 0x30;
const VERSION: u8 = 0xa0;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;

/// Reads an X.509 certificate; `None` when it is none.
pub(crate) fn certificate(der: &[u8]) -> Option<Certificate<'_>> {
    let mut outer = Der(der).inside(SEQUENCE)?;
    let mut body = outer.inside(SEQUENCE)?;
    if body.0.first() == Some(&VERSION) {
        body.next()?;
    }
    // The serial number and the algorithm.
    body.next()?;
    body.next()?;
    let (_, issuer) = body.next()?;
    let mut validity = body.inside(SEQUENCE)?;
    let (from, until) = (validity.time()?, validity.time()?);
    let (_, subject) = body.next()?;
    Some(Certificate { issuer, subject, from, until })
}

/// The first and the last second at which all of a chain is good: the first of its certificates to end ends it.
pub(crate) fn validity(chain: &[CertificateDer<'_>]) -> Option<(i64, i64)> {
    let read: Vec<_> = chain.iter().map(|one| certificate(one)).collect::<Option<_>>()?;
    Some((read.iter().map(|one| one.from).max()?, read.iter().map(|one| one.until).min()?))
}

/// What is left of an encoding.
struct Der<'a>(&'a [u8]);

impl<'a> Der<'a> {
    /// The next element: its tag and what is in it.
    fn next(&mut self) -> Option<(u8, &'a [u8])> {
        let (&tag, rest) = self.0.split_first()?;
        let (&first, rest) = rest.split_first()?;
        let (len, rest) = match first {
            ..=0x7f => (usize::from(first), rest),
            // Up to three bytes of length: no certificate has 16 MiB.
            0x81..=0x83 => {
                let (digits, rest) = rest.split_at_checked(usize::from(first & 0x7f))?;
                (digits.iter().fold(0, |len, digit| len << 8 | usize::from(*digit)), rest)
            }
            _ => return None,
        };
        let (inside, rest) = rest.split_at_checked(len)?;
        self.0 = rest;
        Some((tag, inside))
    }

    fn inside(&mut self, wanted: u8) -> Option<Der<'a>> {
        let (tag, inside) = self.next()?;
        (tag == wanted).then_some(Der(inside))
    }

    /// `YYMMDDhhmmssZ` or `YYYYMMDDhhmmssZ`: DER allows no other spelling.
    fn time(&mut self) -> Option<i64> {
        let (tag, text) = self.next()?;
        let text = text.strip_suffix(b"Z")?;
        let text = std::str::from_utf8(text).ok().filter(|text| text.bytes().all(|b| b.is_ascii_digit()))?;
        let (year, rest) = match tag {
            UTC_TIME => {
                let (year, rest) = text.split_at_checked(2)?;
                let year: i64 = year.parse().ok()?;
                (year + if year < 50 { 2000 } else { 1900 }, rest)
            }
            GENERALIZED_TIME => {
                let (year, rest) = text.split_at_checked(4)?;
                (year.parse().ok()?, rest)
            }
            _ => return None,
        };
        let two = |at: usize| rest.get(at..at + 2)?.parse::<i64>().ok();
        let days = days_from_civil(year, two(0)?, two(2)?);
        Some(days * 86_400 + two(4)? * 3_600 + two(6)? * 60 + two(8)?)
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    #[test]
    fn a_certificate_tells_its_dates_and_that_it_signed_itself() {
        let mut params = CertificateParams::new(["localhost".to_owned()]).unwrap();
        params.not_before = date_time_ymd(2024, 2, 29);
        for (year, until) in [(2030, 1_893_456_000), (2051, 2_556_144_000)] {
            params.not_after = date_time_ymd(year, 1, 1);
            let made = params.self_signed(&KeyPair::generate().unwrap()).unwrap();
            let read = certificate(made.der()).unwrap();
            assert_eq!((read.from, read.until), (1_709_164_800, until));
            assert_eq!(read.issuer, read.subject);
            for len in 0..120 {
                assert_eq!(certificate(&made.der()[..len]), None);
            }
        }
    }

    #[test]
    fn rubbish_is_no_certificate() {
        for bad in [&b""[..], b"\x30", b"\x30\x84\xff\xff\xff\xff", b"\x30\x02\x30\x00", &[0x30; 300]] {
            assert_eq!(certificate(bad), None);
        }
    }
}
