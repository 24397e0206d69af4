//! The flags that every command which reads the configuration has.

use std::path::PathBuf;

use crate::config::{FlagValue, Sources};

/// Where the configuration is, and what flags change in it.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct Flags {
    /// Folder of secrets and weir.toml 数据目录
    #[arg(long, value_name = "DIR", default_value = "data")]
    pub(super) data: PathBuf,
    /// Configuration file, instead of DIR/weir.toml 配置文件
    #[arg(long, value_name = "FILE")]
    pub(super) config: Option<PathBuf>,
    /// Host name or IP in printed addresses 打印的地址里用的主机名或 IP
    #[arg(long, value_name = "HOST")]
    pub(super) host: Option<String>,
    /// HTTP address, such as 0.0.0.0:8080 监听地址
    #[arg(long, value_name = "ADDR")]
    pub(super) http: Option<String>,
    /// RTMP address, such as 0.0.0.0:1935 监听地址
    #[arg(long, value_name = "ADDR")]
    pub(super) rtmp: Option<String>,
    /// HTTPS address; needs a certificate in the configuration 需要证书
    #[arg(long, value_name = "ADDR")]
    pub(super) https: Option<String>,
    /// RTMPS address; needs a certificate in the configuration 需要证书
    #[arg(long, value_name = "ADDR")]
    pub(super) rtmps: Option<String>,
    /// No demo stream 不播演示流
    #[arg(long)]
    pub(super) no_demo: bool,
}

impl Flags {
    /// All sources, the environment of this process among them.
    pub(super) fn sources(&self) -> Sources {
        let usual = self.data.join("weir.toml");
        let file = self.config.clone().or_else(|| usual.exists().then_some(usual));
        // A variable that is no UTF-8 cannot be one of ours.
        let env = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        Sources { file, env: env.collect(), flags: self.flags() }
    }

    fn flags(&self) -> Vec<FlagValue> {
        let no_demo = self.no_demo.then(|| "false".to_owned());
        [
            ("server.public_host", "--host", &self.host),
            ("http.listen", "--http", &self.http),
            ("http.tls_listen", "--https", &self.https),
            ("rtmp.listen", "--rtmp", &self.rtmp),
            ("rtmp.tls_listen", "--rtmps", &self.rtmps),
            ("demo.enabled", "--no-demo", &no_demo),
        ]
        .into_iter()
        .filter_map(|(key, flag, value)| Some(FlagValue { key, flag, value: value.clone()? }))
        .collect()
    }
}
