//! Whether the state is encrypted, and what opens it.

use super::{Password, parse};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The state is encrypted: `/var`, `/home` and the writable layer of `/etc`. Without this part of the answers it is not.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct EncryptionAnswers {
    /// Where the passphrase comes from that is asked for at each start; a hash would not open anything.
    #[serde(deserialize_with = "parse::opening")]
    pub passphrase: Password,
    /// Whether this machine's TPM 2.0 opens the state, too, once the installed system has started with Secure Boot enforced.
    /// Passphrase and recovery key stay. It does not when this is left out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tpm2: bool,
}
