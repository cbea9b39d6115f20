//! What the test decides in the place of the application.

use std::{collections::HashMap, time::Duration};

use meet_signal_core::{Denied, Grant, IceServer, Limits, Meta, Permissions};
use napi::{Error, Result};
use napi_derive::napi;
use serde_json::value::RawValue;

/// The decision about a join.
#[napi(object, object_to_js = false)]
pub struct Decision {
    /// The close code of a refusal.
    pub refuse: Option<u16>,
    /// Those that are granted; by default all.
    pub permissions: Option<Vec<String>>,
    /// JSON that takes the place of the peer's own.
    pub meta: Option<String>,
    /// The key of the user.
    pub identity: Option<String>,
    /// URLs of STUN servers.
    pub stun: Option<Vec<String>>,
}

impl Decision {
    pub(crate) fn into_result(self) -> Result<std::result::Result<Grant, Denied>> {
        if let Some(code) = self.refuse {
            return refusal(code).map(Err);
        }
        let mut grant = Grant::new();
        if let Some(names) = self.permissions {
            let mut permissions = Permissions::NONE;
            for name in names {
                match name.as_str() {
                    "signal" => permissions.signal = true,
                    "broadcast" => permissions.broadcast = true,
                    "moderate" => permissions.moderate = true,
                    _ => return Err(Error::from_reason(format!("no permission: {name}"))),
                }
            }
            grant = grant.permissions(permissions);
        }
        if let Some(meta) = self.meta {
            grant = grant.meta(Meta::from(json(meta)?));
        }
        if let Some(identity) = self.identity {
            grant = grant.identity(identity);
        }
        let servers: Vec<_> = self.stun.into_iter().flatten().map(IceServer::stun).collect();
        Ok(Ok(grant.ice_servers(servers)))
    }
}

fn refusal(code: u16) -> Result<Denied> {
    let message = "the test refuses this join";
    Ok(match code {
        4003 => Denied::unavailable(message),
        4502 => Denied::unauthorized(message),
        4503 => Denied::room_locked(message),
        4504 => Denied::refused(message),
        4505 => Denied::banned(message),
        4506 => Denied::duplicate(message),
        _ => return Err(Error::from_reason(format!("no refusal closes with {code}"))),
    })
}

/// Limits by name. Those in a `welcome` have the same name there.
pub(crate) fn limits(given: HashMap<String, f64>) -> Result<Limits> {
    let mut limits = Limits::builder();
    for (name, value) in given {
        let (ms, count, size) = (millis(value), value as u32, value as usize);
        limits = match name.as_str() {
            "authorizeTimeoutMs" => limits.authorize_timeout(ms),
            "frameBytes" => limits.frame_bytes(size),
            "goingAwayGraceMs" => limits.going_away_grace(ms),
            "graceMs" => limits.grace(ms),
            "heartbeatMs" => limits.heartbeat(ms),
            "metaBytes" => limits.meta_bytes(size),
            "outboxFrames" => limits.outbox_frames(size),
            "rateBurst" => limits.rate_burst(count),
            "rateBurstBytes" => limits.rate_burst_bytes(count),
            "rateBytesPerSecond" => limits.rate_bytes_per_second(count),
            "ratePerSecond" => limits.rate_per_second(count),
            "resumesPerMinute" => limits.resumes_per_minute(count),
            "roomPeers" => limits.room_peers(size),
            "unheardGraceMs" => limits.unheard_grace(ms),
            "updatesPerMinute" => limits.updates_per_minute(count),
            "writeTimeoutMs" => limits.write_timeout(ms),
            _ => return Err(Error::from_reason(format!("no limit: {name}"))),
        };
    }
    limits.build().map_err(|error| Error::from_reason(error.to_string()))
}

pub(crate) fn json(text: String) -> Result<Box<RawValue>> {
    RawValue::from_string(text).map_err(|error| Error::from_reason(error.to_string()))
}

fn millis(value: f64) -> Duration {
    Duration::from_secs_f64(value / 1000.0)
}
