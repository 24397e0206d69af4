//! Who somebody is in the words of vendors: Tencent's UserSig, and users whom WeChat knows.

pub(super) mod usersig;
pub mod wechat;
