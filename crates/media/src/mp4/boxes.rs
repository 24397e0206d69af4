//! Boxes: a length, a name, and contents.

/// A box's name.
pub(super) type Name = [u8; 4];

/// Writes boxes inside each other. The length of one is known when its contents are written.
#[derive(Debug, Default)]
pub(super) struct Writer {
    pub(super) out: Vec<u8>,
}

impl Writer {
    pub(super) fn u8(&mut self, value: u8) {
        self.out.push(value);
    }

    pub(super) fn u16(&mut self, value: u16) {
        self.bytes(&value.to_be_bytes());
    }

    pub(super) fn u32(&mut self, value: u32) {
        self.bytes(&value.to_be_bytes());
    }

    pub(super) fn u64(&mut self, value: u64) {
        self.bytes(&value.to_be_bytes());
    }

    pub(super) fn i32(&mut self, value: i32) {
        self.bytes(&value.to_be_bytes());
    }

    pub(super) fn bytes(&mut self, bytes: &[u8]) {
        self.out.extend_from_slice(bytes);
    }

    pub(super) fn zeros(&mut self, count: usize) {
        self.out.resize(self.out.len() + count, 0);
    }

    /// A time or duration, whose width a version of the box around it says.
    pub(super) fn time(&mut self, version: u8, value: u64) {
        match version {
            0 => self.u32(u32::try_from(value).unwrap_or(u32::MAX)),
            _ => self.u64(value),
        }
    }

    /// Writes over four bytes that were written before.
    pub(super) fn patch(&mut self, at: usize, value: u32) {
        if let Some(place) = self.out.get_mut(at..at + 4) {
            place.copy_from_slice(&value.to_be_bytes());
        }
    }

    pub(super) fn boxed(&mut self, name: &Name, fill: impl FnOnce(&mut Writer)) {
        let start = self.out.len();
        self.u32(0);
        self.bytes(name);
        fill(self);
        let len = self.out.len() - start;
        // Nothing that is written here comes near the limit: media bytes are not.
        self.patch(start, u32::try_from(len).unwrap_or(u32::MAX));
    }

    /// A box with a version and flags.
    pub(super) fn full(&mut self, name: &Name, version: u8, flags: u32, fill: impl FnOnce(&mut Writer)) {
        self.boxed(name, |out| {
            out.u32(u32::from(version) << 24 | flags);
            fill(out);
        });
    }
}

/// The beginning of a box.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Head {
    /// So many bytes are needed to tell.
    Short(usize),
    /// A name, the length of the header, and the length of the whole box; `None` means to the end of the file.
    Box(Name, usize, Option<u64>),
    /// It is said to be shorter than its own header.
    Bad,
}

/// Reads the beginning of a box (section 4.2).
pub(super) fn head(bytes: &[u8]) -> Head {
    const HEADER: usize = 8;
    const LARGE_HEADER: usize = 16;
    let Some(([s0, s1, s2, s3, name @ ..], rest)) = bytes.split_first_chunk::<HEADER>() else {
        return Head::Short(HEADER);
    };
    let (header, size) = match u32::from_be_bytes([*s0, *s1, *s2, *s3]) {
        0 => return Head::Box(*name, HEADER, None),
        1 => match rest.first_chunk::<8>() {
            Some(large) => (LARGE_HEADER, u64::from_be_bytes(*large)),
            None => return Head::Short(LARGE_HEADER),
        },
        size => (HEADER, u64::from(size)),
    };
    if size < header as u64 { Head::Bad } else { Head::Box(*name, header, Some(size)) }
}

/// The boxes inside a box: their names and contents. Ends at the first that is not whole.
pub(super) fn children(mut bytes: &[u8]) -> impl Iterator<Item = (Name, &[u8])> {
    std::iter::from_fn(move || {
        let Head::Box(name, header, size) = head(bytes) else { return None };
        let size = match size {
            Some(size) => usize::try_from(size).ok()?,
            None => bytes.len(),
        };
        let contents = bytes.get(header..size)?;
        bytes = bytes.get(size..)?;
        Some((name, contents))
    })
}

/// The contents of the first box with this name.
pub(super) fn child<'a>(bytes: &'a [u8], name: &Name) -> Option<&'a [u8]> {
    children(bytes).find(|(found, _)| found == name).map(|(_, contents)| contents)
}

/// The contents of the box that this path of names leads to.
pub(super) fn descend<'a>(bytes: &'a [u8], path: &[&Name]) -> Option<&'a [u8]> {
    path.iter().try_fold(bytes, |bytes, name| child(bytes, name))
}

/// Reads numbers one after the other.
#[derive(Debug)]
pub(super) struct Fields<'a>(pub(super) &'a [u8]);

impl Fields<'_> {
    pub(super) fn u32(&mut self) -> Option<u32> {
        let (number, rest) = self.0.split_first_chunk::<4>()?;
        self.0 = rest;
        Some(u32::from_be_bytes(*number))
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        let (number, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*number))
    }

    pub(super) fn skip(&mut self, count: usize) -> Option<()> {
        self.0 = self.0.get(count..)?;
        Some(())
    }

    /// A version and flags.
    pub(super) fn full(&mut self) -> Option<(u8, u32)> {
        let both = self.u32()?;
        Some((both.to_be_bytes()[0], both & 0x00ff_ffff))
    }

    /// A time or duration, whose width a version of the box around it says.
    pub(super) fn time(&mut self, version: u8) -> Option<u64> {
        if version == 0 { self.u32().map(u64::from) } else { self.u64() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut out = Writer::default();
        out.boxed(b"moov", |out| {
            out.full(b"mvhd", 1, 7, |out| out.u64(9));
            out.boxed(b"free", |_| {});
        });
        let Head::Box(name, 8, Some(36)) = head(&out.out) else { panic!("{:?}", head(&out.out)) };
        assert_eq!(name, *b"moov");
        let mut fields = Fields(descend(&out.out, &[b"moov", b"mvhd"]).unwrap());
        assert_eq!((fields.full(), fields.time(1), fields.u32()), (Some((1, 7)), Some(9), None));
        let names: Vec<Name> = children(child(&out.out, b"moov").unwrap()).map(|(name, _)| name).collect();
        assert_eq!(names, [*b"mvhd", *b"free"]);
    }

    #[test]
    fn headers_come_in_three_lengths() {
        assert_eq!(head(b"\0\0\0\x08fre"), Head::Short(8));
        assert_eq!(head(b"\0\0\0\x07free"), Head::Bad);
        assert_eq!(head(b"\0\0\0\0mdat"), Head::Box(*b"mdat", 8, None));
        assert_eq!(head(b"\0\0\0\x01mdat\0\0\0\0"), Head::Short(16));
        assert_eq!(head(b"\0\0\0\x01mdat\0\0\0\x01\0\0\0\0"), Head::Box(*b"mdat", 16, Some(1 << 32)));
        assert_eq!(head(b"\0\0\0\x01mdat\0\0\0\0\0\0\0\x0f"), Head::Bad);
    }
}
