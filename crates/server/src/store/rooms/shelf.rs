//! The shelf: what is sold in a room.

use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{Result, Rooms};
use crate::store::index::unsigned;

/// Most goods of one room.
pub const GOODS_MAX: i64 = 200;

/// Something that is sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Goods {
    /// Its id in the room.
    pub id: String,
    /// Its place, from 0.
    pub position: i64,
    /// What it is called.
    pub name: String,
    /// Its picture, as an address.
    pub cover: String,
    /// A page, or a mini-program's path.
    pub url: String,
    /// What it costs.
    pub price: Price,
    /// Whether viewers see it.
    pub on_shelf: bool,
    /// Whether the host is talking about it.
    pub explaining: bool,
    /// How often it was opened.
    pub clicks: u64,
    /// Where in the stream the host began to talk about it.
    pub explained_ms: Option<i64>,
}

/// A price, in the smallest unit of the operator's money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Price {
    /// So much.
    One(u64),
    /// From so much to so much.
    Range(u64, u64),
    /// So much, and before the discount so much.
    Discount(u64, u64),
}

/// What became of goods that were put on the shelf.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PutGoods {
    /// They are there.
    Done,
    /// There are goods of this id.
    Taken,
    /// The shelf is full, or the room is gone.
    Full,
}

impl Price {
    /// Its form, as the database and the API name it, and its two numbers.
    pub fn parts(self) -> (&'static str, u64, Option<u64>) {
        match self {
            Price::One(price) => ("one", price, None),
            Price::Range(from, to) => ("range", from, Some(to)),
            Price::Discount(now, before) => ("discount", now, Some(before)),
        }
    }

    /// The other way; none: there is no such price.
    pub fn of_parts(kind: &str, price: u64, price_to: Option<u64>) -> Option<Price> {
        match (kind, price_to) {
            ("one", None) => Some(Price::One(price)),
            ("range", Some(to)) if to >= price => Some(Price::Range(price, to)),
            ("discount", Some(before)) if before >= price => Some(Price::Discount(price, before)),
            _ => None,
        }
    }
}

impl Rooms {
    /// Puts goods on the shelf, in the last place.
    pub async fn add_goods(&self, room: &str, goods: &Goods) -> Result<PutGoods> {
        if self.find_goods(room, &goods.id).await?.is_some() {
            return Ok(PutGoods::Taken);
        }
        let (kind, price, price_to) = goods.price.parts();
        let query = sqlx::query(
            "INSERT OR IGNORE INTO goods (room, id, position, name, cover, url, price, price_to, price_kind, on_shelf)
             SELECT ?1, ?2, (SELECT coalesce(max(position) + 1, 0) FROM goods WHERE room = ?1), ?3, ?4, ?5, ?6, ?7, ?8, ?9
             WHERE EXISTS (SELECT 1 FROM room WHERE id = ?1) AND (SELECT count(*) FROM goods WHERE room = ?1) < ?10",
        );
        let query = query.bind(room).bind(&goods.id).bind(&goods.name).bind(&goods.cover).bind(&goods.url);
        let query = query.bind(price.cast_signed()).bind(price_to.map(u64::cast_signed)).bind(kind);
        let query = query.bind(goods.on_shelf).bind(GOODS_MAX);
        let done = query.execute(&self.write).await?.rows_affected() > 0;
        Ok(if done { PutGoods::Done } else { PutGoods::Full })
    }

    /// Says something else of goods: name, pictures, price, whether viewers see them. Returns whether they are there.
    pub async fn update_goods(&self, room: &str, goods: &Goods) -> Result<bool> {
        let (kind, price, price_to) = goods.price.parts();
        let query = sqlx::query(
            "UPDATE goods SET name = ?, cover = ?, url = ?, price = ?, price_to = ?, price_kind = ?, on_shelf = ?,
                 explaining = explaining AND ? WHERE room = ? AND id = ?",
        );
        let query = query.bind(&goods.name).bind(&goods.cover).bind(&goods.url);
        let query = query.bind(price.cast_signed()).bind(price_to.map(u64::cast_signed)).bind(kind);
        let query = query.bind(goods.on_shelf).bind(goods.on_shelf).bind(room).bind(&goods.id);
        Ok(query.execute(&self.write).await?.rows_affected() > 0)
    }

    /// Takes goods away. Returns whether they were there.
    pub async fn delete_goods(&self, room: &str, id: &str) -> Result<bool> {
        let query = sqlx::query("DELETE FROM goods WHERE room = ? AND id = ?").bind(room).bind(id);
        Ok(query.execute(&self.write).await?.rows_affected() > 0)
    }

    /// Goods by their id.
    pub async fn find_goods(&self, room: &str, id: &str) -> Result<Option<Goods>> {
        let query = sqlx::query("SELECT * FROM goods WHERE room = ? AND id = ?").bind(room).bind(id);
        query.fetch_optional(&self.read).await?.as_ref().map(goods).transpose()
    }

    /// All goods of a room in their order, also those that viewers do not see.
    pub async fn goods(&self, room: &str) -> Result<Vec<Goods>> {
        let query = sqlx::query("SELECT * FROM goods WHERE room = ? ORDER BY position, id").bind(room);
        query.fetch_all(&self.read).await?.iter().map(goods).collect()
    }

    /// Puts goods in this order; those that are not named come after them, in the order that they had.
    pub async fn order_goods(&self, room: &str, ids: &[String]) -> Result<()> {
        let mut transaction = self.write.begin_with("BEGIN IMMEDIATE").await?;
        let query = sqlx::query_scalar("SELECT id FROM goods WHERE room = ? ORDER BY position, id");
        let mut order: Vec<String> = query.bind(room).fetch_all(&mut *transaction).await?;
        order.sort_by_key(|id| ids.iter().position(|wanted| wanted == id).unwrap_or(usize::MAX));
        for (position, id) in (0_i64..).zip(&order) {
            let query = sqlx::query("UPDATE goods SET position = ? WHERE room = ? AND id = ?");
            query.bind(position).bind(room).bind(id).execute(&mut *transaction).await?;
        }
        transaction.commit().await
    }

    /// Notes which goods the host is talking about, if any, and where in the stream that began. Returns whether they are on
    /// the shelf.
    pub async fn explain_goods(&self, room: &str, id: Option<&str>, media_ms: Option<i64>) -> Result<bool> {
        let mut transaction = self.write.begin_with("BEGIN IMMEDIATE").await?;
        let query =
            sqlx::query("UPDATE goods SET explaining = 0 WHERE room = ? AND explaining = 1").bind(room);
        query.execute(&mut *transaction).await?;
        let found = match id {
            Some(id) => {
                let query = sqlx::query(
                    "UPDATE goods SET explaining = 1, explained_ms = coalesce(?, explained_ms)
                     WHERE room = ? AND id = ? AND on_shelf = 1",
                );
                let query = query.bind(media_ms).bind(room).bind(id);
                query.execute(&mut *transaction).await?.rows_affected() > 0
            }
            None => true,
        };
        if found {
            transaction.commit().await?;
        }
        Ok(found)
    }

    /// Counts that goods were opened so many times.
    pub async fn add_clicks(&self, room: &str, id: &str, clicks: u64) -> Result<bool> {
        let query = sqlx::query("UPDATE goods SET clicks = clicks + ? WHERE room = ? AND id = ?");
        let query = query.bind(clicks.cast_signed()).bind(room).bind(id);
        Ok(query.execute(&self.write).await?.rows_affected() > 0)
    }
}

fn goods(row: &SqliteRow) -> Result<Goods> {
    let price = unsigned(row, "price")?;
    let price_to = row.try_get::<Option<i64>, _>("price_to")?.map(i64::cast_unsigned);
    Ok(Goods {
        id: row.try_get("id")?,
        position: row.try_get("position")?,
        name: row.try_get("name")?,
        cover: row.try_get("cover")?,
        url: row.try_get("url")?,
        price: Price::of_parts(row.try_get("price_kind")?, price, price_to).unwrap_or(Price::One(price)),
        on_shelf: row.try_get("on_shelf")?,
        explaining: row.try_get("explaining")?,
        clicks: unsigned(row, "clicks")?,
        explained_ms: row.try_get("explained_ms")?,
    })
}
