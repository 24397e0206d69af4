//! Everything against a running server, with real clients. One binary, so that it links once.

#![allow(unreachable_pub, reason = "a test binary has no outside")]
#![allow(clippy::panic, clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod acme;
mod api;
mod auth;
mod bounds;
mod chat;
mod chat_database;
mod cli;
mod clients;
mod docs;
mod ffmpeg;
mod formats;
mod gifts;
mod harness;
mod hls;
mod hooks;
mod hostile;
mod http;
mod http2;
mod identity;
mod live_page;
mod logs;
mod many_rooms;
mod metrics;
mod moderation;
mod operate;
mod peers;
mod phone;
mod raw;
mod receiver;
mod record;
mod relay;
mod relay_orders;
mod replay;
mod replay_page;
mod room_events;
mod room_hooks;
mod room_life;
mod room_numbers;
mod room_page;
mod rooms;
mod scenarios;
mod segments;
mod shift;
mod show;
mod slow;
mod snapshot;
mod storage;
mod takeover;
mod tls;
mod tools;
mod webhooks;
mod wechat;
