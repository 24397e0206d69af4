//! Which metrics there are. The tables in the documents and the dashboard are tested against this list.

/// What kind of figure it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only rises, and begins at zero at the start.
    Counter,
    /// Rises and falls.
    Gauge,
    /// Observations by size.
    Histogram,
}

/// One metric.
#[derive(Debug, Clone, Copy)]
pub struct Family {
    /// Its name.
    pub name: &'static str,
    /// Its kind.
    pub kind: Kind,
    /// Its labels.
    pub labels: &'static [&'static str],
    /// What it is, in English; also in what is exported.
    pub help: &'static str,
    /// What it is, in Chinese, for the documents.
    pub help_zh: &'static str,
}

macro_rules! families {
    ($($id:ident: $kind:ident $name:literal [$($label:literal),*] $help:literal, $help_zh:literal;)*) => {
        $(pub(super) const $id: Family = Family {
            name: $name, kind: Kind::$kind, labels: &[$($label),*], help: $help, help_zh: $help_zh,
        };)*
        /// All metrics, in the order in which they are exported.
        pub const ALL: &[Family] = &[$($id),*];
    };
}

families! {
    BUILD_INFO: Gauge "weir_build_info" ["version"] "Always 1; the version is in the label", "恒为 1，版本在标签里";
    UPTIME: Gauge "weir_uptime_seconds" [] "Time since the start", "启动以来的时间";
    DRAINING: Gauge "weir_draining" [] "1 while nobody new is let in", "排空（不再接受新连接）时为 1";
    CONNECTIONS: Gauge "weir_connections" [] "Connections, those that have asked for nothing yet included", "连接数，含尚未请求的";
    SESSIONS: Gauge "weir_sessions" ["role", "wire"] "Publishers and viewers by wire", "各协议的推流端与观众数";
    SESSIONS_OPENED: Counter "weir_sessions_opened_total" ["role", "wire"] "Publishers and viewers that were let in", "累计接入的推流端与观众";
    STREAMS: Gauge "weir_streams" ["phase"] "Streams by phase", "各阶段的流数";
    RECEIVED: Counter "weir_received_bytes_total" [] "Media taken in from publishers", "收到的媒体字节";
    SENT: Counter "weir_sent_bytes_total" ["wire"] "Bytes sent to viewers", "发给观众的字节";
    FRAMES: Counter "weir_frames_received_total" [] "Frames taken in from publishers", "收到的帧";
    DROPPED: Counter "weir_frames_dropped_total" ["cause"] "Frames that viewers were not sent: because they were slow, or pictures before their first key frame", "未发给观众的帧：因观众太慢，或是其首个关键帧之前的画面";
    JUMPS: Counter "weir_viewer_jumps_total" [] "Times that a viewer beyond fanout.max_lag_ms or max_lag_bytes was moved to a newer key frame", "观众落后超过 fanout.max_lag_ms 或 max_lag_bytes 而跳到新关键帧的次数";
    LET_GO: Counter "weir_viewers_let_go_total" ["reason"] "Viewers that the server ended: ended, too_slow (fanout.max_jumps), stalled (fanout.stall_timeout_seconds), dismissed, shutting_down, flood (it sent too much)", "被服务器结束的观众，按原因：ended、too_slow（fanout.max_jumps）、stalled（fanout.stall_timeout_seconds）、dismissed、shutting_down、flood（发来的数据过多）";
    REFUSALS: Counter "weir_refusals_total" ["code", "wire"] "Pushes and plays that were refused, by the code that the client is told", "被拒绝的推流和播放，按告诉客户端的代码";
    TAKEOVERS: Counter "weir_takeovers_total" [] "Publishers that replaced their own older push or came back", "推流端接管自己旧推流或重连的次数";
    TIME_JUMPS: Counter "weir_time_jumps_total" [] "Frames whose time did not follow from the ones before", "时间戳跳变的帧";
    LOST: Counter "weir_publishers_lost_total" [] "Publishers that went without a goodbye", "未告别就消失的推流端";
    RING: Gauge "weir_ring_bytes" [] "Media kept for new and slow viewers, over all streams", "为新观众和慢观众保留的媒体，全部流合计";
    PACKAGERS: Gauge "weir_hls_packagers" [] "Streams that are cut into HLS segments, each container by itself", "正在切成 HLS 分片的流，每种分片单独计";
    PACKAGED: Gauge "weir_hls_bytes" [] "HLS segments and parts that are kept, over all streams", "保留的 HLS 分片，全部流合计";
    SHARD_VIEWERS: Gauge "weir_shard_viewers" ["shard"] "Viewers of a fan-out thread", "每个分发线程的观众数";
    SHARD_LOAD: Gauge "weir_shard_load_ratio" ["shard"] "Share of a core that writing every frame at once would take", "每帧立即写出所需的单核占比";
    WINDOW: Gauge "weir_shard_merge_window_seconds" ["shard"] "How long a fan-out thread lets frames gather before it writes", "分发线程合并写的窗口";
    FLUSH: Histogram "weir_flush_seconds" [] "Time that one pass over the viewers of a stream takes", "写一遍一路流的观众所用的时间";
    JOIN: Histogram "weir_join_seconds" [] "From the grant of a play request to the first byte written", "从允许播放到写出第一个字节";
    API: Histogram "weir_api_request_seconds" [] "Time that an API request takes", "API 请求用时";
    LIMITS: Counter "weir_limit_hits_total" ["limit"] "Times that somebody came to a bound, by its key", "触及限额的次数，按配置项";
    PROBLEMS: Gauge "weir_ingest_problem" ["code"] "Streams whose push has this problem", "推流存在该问题的流数";
    RECORDINGS: Gauge "weir_recordings" [] "Recordings in progress", "进行中的录制";
    RECORDED: Counter "weir_recorded_bytes_total" [] "Bytes written to recordings", "写入录制的字节";
    RECORDING_FAILURES: Counter "weir_recording_failures_total" ["reason"] "Times that recordings could not begin or had to end: disk_full, read_only, io_error, internal_error", "无法开始或被迫结束录制的次数，按原因：disk_full、read_only、io_error、internal_error";
    RECORDING_GAPS: Counter "weir_recording_gaps_total" [] "Pieces that are missing from recordings because the disk could not keep up (recordings.queue_mb)", "因磁盘太慢而缺失的录制片段（recordings.queue_mb）";
    RECORDING_BLOCKED: Gauge "weir_recording_blocked" [] "1 while nothing can be recorded: the disk is full or takes no writes", "无法录制（磁盘已满或不可写）时为 1";
    FREE: Gauge "weir_recordings_free_bytes" [] "Room where recordings are written", "录制目录的可用空间";
    STORED_FILES: Counter "weir_storage_files_total" [] "Files of recordings that the object store has confirmed", "对象存储已确认收到的录制文件";
    STORED_BYTES: Counter "weir_storage_sent_bytes_total" [] "Bytes sent to the object store", "发往对象存储的字节";
    STORAGE_FAILURES: Counter "weir_storage_failures_total" ["reason"] "Attempts that came to nothing: refused, no_bucket, unreachable, store_error, unconfirmed, local_file, database", "未成功的上传或删除，按原因：refused、no_bucket、unreachable、store_error、unconfirmed、local_file、database";
    STORAGE_WAITING: Gauge "weir_storage_waiting_bytes" [] "Bytes of complete files that are on this machine alone", "尚未上传的录制";
    STORAGE_LOCAL: Gauge "weir_storage_local_bytes" [] "Bytes of recordings on this machine (storage.keep_local_mb)", "本机上的录制（storage.keep_local_mb）";
    STORAGE_EVICTED: Counter "weir_storage_evicted_total" [] "Files that went from this machine because the object store has them", "存储确认后从本机删除的文件";
    STORAGE_FAILING: Gauge "weir_storage_failing_seconds" [] "For how long nothing could be stored; 0 when all is well", "已经多久无法上传；正常为 0";
    WEBHOOKS: Counter "weir_webhook_attempts_total" ["event", "result"] "Attempts to tell an event: delivered, redirect, refused (4xx), server_error, timeout, unreachable, dns, private_address, tls, broken, too_long, bad_request", "事件通知的投递次数，按结果：delivered、redirect、refused（4xx）、server_error、timeout、unreachable、dns、private_address、tls、broken、too_long、bad_request";
    OUTBOX_OLDEST: Gauge "weir_outbox_oldest_seconds" [] "How long ago the oldest event happened that somebody has not been told; 0 when all is well", "最早一条尚未送达的事件是多久以前的；没有则为 0";
    OUTBOX_WAITING: Gauge "weir_outbox_waiting" [] "Events that wait for a receiver", "等待投递的事件";
    OUTBOX_LOST: Counter "weir_outbox_lost_total" [] "Events that were lost because the database could not be written for too long", "因数据库长时间不可写而丢失的事件";
    CERTIFICATE: Gauge "weir_certificate_expiry_timestamp_seconds" [] "When the certificate in force ends, in seconds since 1970; absent without one", "当前证书的到期时间，1970 年以来的秒数；没有证书则无此项";
    REPLAY_VIEWS: Counter "weir_replay_views_total" [] "Times that somebody began to watch a replay", "开始观看回放的次数";
    REPLAY_SENT: Counter "weir_replay_bytes_total" [] "Bytes of replays that were asked for", "回放应答的字节数";
    ROOMS: Gauge "weir_rooms" [] "Rooms that somebody is in, or was a minute ago", "有人（或一分钟内有人）的房间";
    CHAT_CONNECTIONS: Gauge "weir_chat_connections" [] "Clients of the chat", "聊天连接数";
    CHAT_JOINS: Counter "weir_chat_joins_total" [] "People who came into rooms", "进入房间的人次";
    CHAT_RECOVERIES: Counter "weir_chat_recoveries_total" ["result"] "Clients that came back: exact (they got what they missed) or lost (it was too long ago, or the room began anew)", "重连的客户端：exact（补齐了错过的消息）或 lost（时间太久，或房间已重新开始）";
    CHAT_MESSAGES: Counter "weir_chat_messages_total" [] "Messages and events of rooms", "房间里的消息与事件";
    CHAT_REJECTED: Counter "weir_chat_rejected_total" ["code"] "What people wanted to say and could not, by the code that they are told", "被拒绝的发言，按告诉客户端的代码";
    CHAT_LIKES: Counter "weir_chat_likes_total" [] "Likes", "点赞";
    CHAT_DELIVERIES: Counter "weir_chat_deliveries_total" [] "Messages times the people who got them", "消息送达人次";
    CHAT_SENT: Counter "weir_chat_sent_bytes_total" [] "Bytes sent to clients of the chat", "发给聊天客户端的字节";
    CHAT_SKIPS: Counter "weir_chat_skips_total" [] "Times that a slow client was moved past messages", "慢客户端被跳过消息的次数";
    CHAT_LET_GO: Counter "weir_chat_let_go_total" [] "Clients that were ended because they took nothing, said nothing, or never said hello", "因不接收、无响应或不打招呼而被断开的聊天客户端";
    CHAT_WAITING: Gauge "weir_chat_unwritten_rows" [] "Messages and counts of rooms that are not in the database yet", "房间里尚未写入数据库的消息与计数";
    CHAT_NOT_KEPT: Counter "weir_chat_not_kept_total" [] "Messages that will not be in the database, as it could not be written for too long", "因数据库长时间不可写而未保存的消息";
    GIFTS: Counter "weir_gifts_total" ["outcome"] "Sends of gifts: given, again (it was given before), or the code that their sender is told", "送礼次数，按结果：given、again（先前已送出的重发），或告诉发送者的代码";
    WALLET_CALLS: Counter "weir_wallet_calls_total" ["action", "outcome"] "Questions to the wallet: reserve, confirm or cancel; yes, balance, refused or no_answer", "对钱包的调用：reserve、confirm、cancel；结果 yes、balance、refused、no_answer";
    WALLET_TIME: Histogram "weir_wallet_call_seconds" [] "Time that a question to the wallet takes", "调用钱包用时";
    WALLET_OWED: Gauge "weir_wallet_owed" [] "Gifts that the wallet is being asked about, or must still be told of", "正在询问钱包、或还须告知钱包的礼物";
    LEDGER: Counter "weir_ledger_rows_total" ["state"] "Rows of the ledger of gifts that came to a state: reserved, confirmed or cancelled", "礼物账本中进入各状态的记录：reserved、confirmed、cancelled";
    LOGINS: Counter "weir_wechat_logins_total" ["outcome"] "Sign-ins with WeChat: signed_in, or the code that the client is told", "微信登录次数，按结果：signed_in，或告诉客户端的代码";
    ACME: Counter "weir_acme_failures_total" ["reason"] "Orders of a certificate that came to nothing: authority, connection, dns, unauthorized, caa, rate_limited, refused, local", "未成功的证书申请，按原因：authority、connection、dns、unauthorized、caa、rate_limited、refused、local";
    RESIDENT: Gauge "process_resident_memory_bytes" [] "Memory in use", "占用的内存";
    CPU: Counter "process_cpu_seconds_total" [] "Processor time used", "占用的 CPU 时间";
    FDS: Gauge "process_open_fds" [] "Open file descriptors", "打开的文件描述符";
    MAX_FDS: Gauge "process_max_fds" [] "Most file descriptors that may be open", "文件描述符上限";
    THREADS: Gauge "process_threads" [] "Threads", "线程数";
    TASKS: Gauge "weir_tasks" [] "Tasks of the runtime", "运行时的任务数";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_conventions() {
        for family in ALL {
            let name = family.name;
            assert!(name.starts_with("weir_") || name.starts_with("process_"), "{name}");
            assert_eq!(name.ends_with("_total"), family.kind == Kind::Counter, "{name}");
            assert!(
                !family.help.ends_with('.') && !family.help.is_empty() && !family.help_zh.is_empty(),
                "{name}"
            );
            assert_eq!(ALL.iter().filter(|other| other.name == name).count(), 1, "{name}");
        }
    }
}
