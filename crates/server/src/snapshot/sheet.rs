//! Sprite sheets: many small pictures in one file, for the seek bar.

use bytes::Bytes;

use super::picture::{scale, size};
use super::{Failure, Key, Snapshots};

/// Most tiles of a sheet.
pub const MAX_TILES: usize = 100;

/// Most bytes of coded pictures that one sheet is made of.
const MAX_SHEET_BYTES: usize = 64 * 1024 * 1024;

/// How a sheet is laid out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sheet {
    /// Tiles in a row, 1 to [`MAX_TILES`].
    pub columns: usize,
    /// Width of a tile in pixels, 2 to 320.
    pub tile_width: u32,
}

/// Ten in a row, each as wide as a thumb.
impl Default for Sheet {
    fn default() -> Sheet {
        Sheet { columns: 10, tile_width: 160 }
    }
}

/// A finished sheet. The tiles go from left to right and from top to bottom; behind the last one it is black.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sprites {
    /// The file.
    pub jpeg: Bytes,
    /// Tiles in a row.
    pub columns: usize,
    /// Rows.
    pub rows: usize,
    /// How many tiles have a picture.
    pub count: usize,
    /// Width of a tile in pixels.
    pub tile_width: u32,
    /// Height of a tile in pixels.
    pub tile_height: u32,
}

impl Snapshots {
    /// A sheet of the first [`MAX_TILES`] pictures, which must be of one file: those that its decoder is not set up for are
    /// left out.
    pub async fn sprites(&self, keys: Vec<Key>, sheet: Sheet) -> Result<Sprites, Failure> {
        let mut total = 0;
        let fits = |key: &Key| {
            total += key.byte_len();
            total <= MAX_SHEET_BYTES
        };
        let keys = keys.into_iter().take(MAX_TILES).take_while(fits).collect();
        let (count, input) = Key::file(keys);
        if count == 0 {
            return Err(Failure::NoKey);
        }
        let columns = sheet.columns.clamp(1, count.min(MAX_TILES));
        let rows = count.div_ceil(columns);
        let width = sheet.tile_width.clamp(2, 320);
        // All must be as large as the first, also when a picture says otherwise inside.
        let filter = format!("{},tile={columns}x{rows}:color=black", scale(width));
        let jpeg = self.make_sheet(&filter, &input).await?;
        let (whole_width, whole_height) =
            size(&jpeg).ok_or_else(|| Failure::Child("the sheet has no size".into()))?;
        let side = |whole: u32, tiles: usize| whole / u32::try_from(tiles).unwrap_or(u32::MAX).max(1);
        let (tile_width, tile_height) = (side(whole_width, columns), side(whole_height, rows));
        Ok(Sprites { jpeg, columns, rows, count, tile_width, tile_height })
    }
}
