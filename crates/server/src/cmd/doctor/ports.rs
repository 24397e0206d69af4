//! Whether the ports are free, or held by the server that they are for.

use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use super::Finding;
use crate::config::Config;
use crate::net::bind;
use crate::operator::keys;

/// For the running server's answer.
const PATIENCE: Duration = Duration::from_secs(2);

/// Looks at every address that the configuration listens on.
pub(super) fn look(config: &Config, data: &Path) -> Vec<Finding> {
    let runs = runs(data);
    let srs = if config.compat.srs_api { config.compat.srs_listen.as_str() } else { "" };
    let wanted = [
        ("http.listen", config.http.listen.as_str()),
        ("http.tls_listen", &config.http.tls_listen),
        ("rtmp.listen", &config.rtmp.listen),
        ("rtmp.tls_listen", &config.rtmp.tls_listen),
        ("metrics.listen", &config.metrics.listen),
        ("compat.srs_listen", srs),
        ("acme.http_listen", config.challenge_listen()),
    ];
    // Sockets need a runtime, though nothing is awaited. Without one there is nothing to say about ports.
    let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
        return Vec::new();
    };
    let _inside = runtime.enter();
    let addresses = wanted.into_iter().filter_map(|(key, text)| Some((key, text.parse().ok()?)));
    addresses.map(|(key, address)| port(key, address, runs)).collect()
}

fn port(key: &'static str, address: SocketAddr, runs: bool) -> Finding {
    let error = match bind(address) {
        Ok(_) => return Finding::ok(key, format!("{address} is free"), format!("{address} 空闲")),
        Err(error) => error,
    };
    match error.kind() {
        ErrorKind::AddrInUse if runs => Finding::ok(
            key,
            format!("{address} is in use, and a weir runs with this data folder"),
            format!("{address} 已被占用，而本数据目录的 weir 正在运行"),
        ),
        ErrorKind::AddrInUse => Finding::fail(
            key,
            format!("{address} is held by another program"),
            format!("{address} 被别的程序占用"),
        )
        .fix(
            format!("`ss -ltnp sport = :{}` names it: stop it, or change {key}", address.port()),
            format!("用 `ss -ltnp sport = :{}` 找到并停掉它，或改 {key}", address.port()),
        ),
        ErrorKind::PermissionDenied => Finding::fail(
            key,
            format!("this user may not listen on port {}", address.port()),
            format!("当前用户不能监听端口 {}", address.port()),
        )
        .fix(
            "take a port above 1023, or AmbientCapabilities=CAP_NET_BIND_SERVICE in the systemd unit",
            "改用 1023 以上的端口，或在 systemd 单元里加 AmbientCapabilities=CAP_NET_BIND_SERVICE",
        ),
        _ => Finding::fail(
            key,
            format!("cannot listen on {address}: {error}"),
            format!("无法监听 {address}：{error}"),
        )
        .fix(
            format!("{key} must be an address of this machine; [::] or 0.0.0.0 is all of them"),
            format!("{key} 应是本机的地址；[::] 或 0.0.0.0 表示全部"),
        ),
    }
}

/// Whether the server that left its address in the data folder still answers there.
fn runs(data: &Path) -> bool {
    let Ok(Some(local)) = keys::local(data) else { return false };
    let address = local.server.strip_prefix("http://").and_then(|text| text.parse().ok());
    address.is_some_and(answers)
}

fn answers(address: SocketAddr) -> bool {
    let ask = || {
        let mut socket = TcpStream::connect_timeout(&address, PATIENCE)?;
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        socket.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
        let mut head = [0; 12];
        socket.read_exact(&mut head)?;
        std::io::Result::Ok(head)
    };
    ask().is_ok_and(|head| head == *b"HTTP/1.1 200")
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::super::Verdict;
    use super::*;

    #[test]
    fn a_port_is_free_or_held_by_us_or_by_another() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let _inside = runtime.enter();
        let held = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = held.local_addr().unwrap();
        assert_eq!(port("http.listen", address, false).verdict, Verdict::Fail);
        assert_eq!(port("http.listen", address, true).verdict, Verdict::Ok);
        drop(held);
        assert_eq!(port("http.listen", address, false).verdict, Verdict::Ok);
        let elsewhere = "192.0.2.77:0".parse().unwrap();
        assert_eq!(port("http.listen", elsewhere, true).verdict, Verdict::Fail);
    }
}
