//! An inbox: what other threads leave for one reader thread, and how they wake it.
//!
//! The thread sleeps until the inbox's bell rings, opens the inbox, does the orders and pulls the feeds that have
//! news. Nothing is ever left lying while it sleeps, and a burst of frames costs one ring of the bell.

use std::sync::{Arc, PoisonError};

use crate::stream::Wake;
use crate::sync::{AtomicBool, Mutex, MutexGuard, Ordering};

/// Orders of type `T`, and news of streams, for a thread that `B` wakes.
#[derive(Debug)]
pub struct Inbox<T, B> {
    orders: Mutex<Vec<T>>,
    news: Mutex<News>,
    /// Set while a ring of the bell is on its way.
    signalled: AtomicBool,
    bell: B,
}

#[derive(Debug, Default)]
struct News {
    /// The seats with news, each once.
    seats: Vec<usize>,
    /// By seat: whether it is among them.
    noted: Vec<bool>,
}

impl<T, B: Wake> Inbox<T, B> {
    /// An empty inbox. A ring of `bell` while the thread is awake must keep it from going to sleep once, as an
    /// eventfd does.
    pub fn new(bell: B) -> Inbox<T, B> {
        Inbox {
            orders: Mutex::new(Vec::new()),
            news: Mutex::new(News::default()),
            signalled: AtomicBool::new(false),
            bell,
        }
    }

    /// Leaves an order.
    pub fn order(&self, order: T) {
        self.orders.lock().unwrap_or_else(PoisonError::into_inner).push(order);
        self.signal();
    }

    /// What a feed is given, so that news of its stream comes here as the number `seat`. The numbers are small.
    pub fn tap(self: &Arc<Self>, seat: usize) -> Arc<Tap<T, B>> {
        let mut news = self.news();
        let seats = news.noted.len().max(seat + 1);
        news.noted.resize(seats, false);
        drop(news);
        Arc::new(Tap { seat, inbox: self.clone() })
    }

    /// For a while nobody wakes the thread: it opens the inbox by itself, whose bell does not ring until then.
    pub fn hush(&self) {
        self.signalled.store(true, Ordering::SeqCst);
    }

    /// Takes what came since the last time: the orders, and into `seats` the seats with news.
    pub fn open(&self, seats: &mut Vec<usize>) -> Vec<T> {
        // First of all: for what comes from here on the bell rings again, and what came before is found below.
        self.signalled.store(false, Ordering::SeqCst);
        seats.clear();
        let mut news = self.news();
        // The list that the caller gives has kept its room.
        std::mem::swap(&mut news.seats, seats);
        for seat in &*seats {
            news.noted[*seat] = false;
        }
        drop(news);
        std::mem::take(&mut *self.orders.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn note(&self, seat: usize) {
        let mut news = self.news();
        if !std::mem::replace(&mut news.noted[seat], true) {
            news.seats.push(seat);
            drop(news);
            self.signal();
        }
    }

    fn signal(&self) {
        if !self.signalled.swap(true, Ordering::SeqCst) {
            self.bell.wake();
        }
    }

    fn news(&self) -> MutexGuard<'_, News> {
        self.news.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One stream's way into an inbox.
#[derive(Debug)]
pub struct Tap<T, B> {
    seat: usize,
    inbox: Arc<Inbox<T, B>>,
}

impl<T: Send + std::fmt::Debug, B: Wake> Wake for Tap<T, B> {
    fn wake(&self) {
        self.inbox.note(self.seat);
    }
}
