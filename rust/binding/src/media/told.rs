//! What the relay says, as dicts of Python's (`_core.pyi` has their keys).

use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyDict;
use relay::{Codec, Event, Kind, PortStats, Progress, Quality, Report};

/// The `kind` says which other keys there are, as `_core.pyi` says.
pub(super) fn report<'py>(py: Python<'py>, told: &Report) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item(intern!(py, "session"), &told.session)?;
    match &told.event {
        Event::Silence { idle } => {
            dict.set_item(intern!(py, "kind"), "silence")?;
            dict.set_item(intern!(py, "idle_ms"), idle)?;
        }
        Event::Digit {
            stream,
            side,
            digit,
            duration,
        } => {
            dict.set_item(intern!(py, "kind"), "digit")?;
            dict.set_item(intern!(py, "stream"), stream)?;
            dict.set_item(intern!(py, "side"), side)?;
            dict.set_item(intern!(py, "digit"), digit)?;
            dict.set_item(intern!(py, "duration_ms"), duration)?;
        }
        Event::OneWay { stream, side, idle } => {
            dict.set_item(intern!(py, "kind"), "one-way")?;
            dict.set_item(intern!(py, "stream"), stream)?;
            dict.set_item(intern!(py, "side"), side)?;
            dict.set_item(intern!(py, "idle_ms"), idle)?;
        }
        Event::Exhausted { interface } => {
            dict.set_item(intern!(py, "kind"), "exhausted")?;
            dict.set_item(intern!(py, "interface"), interface)?;
        }
        Event::Recording { file, progress } => {
            dict.set_item(intern!(py, "kind"), "recording")?;
            dict.set_item(intern!(py, "file"), file)?;
            let (state, duration, dropped, why) = match progress {
                Progress::Began => ("began", 0, 0, None),
                Progress::Ended { duration, dropped } => ("ended", *duration, *dropped, None),
                Progress::Failed { why } => ("failed", 0, 0, Some(why)),
            };
            dict.set_item(intern!(py, "state"), state)?;
            dict.set_item(intern!(py, "duration_ms"), duration)?;
            dict.set_item(intern!(py, "dropped_packets"), dropped)?;
            dict.set_item(intern!(py, "why"), why)?;
        }
    }
    Ok(dict)
}

/// What `query` and `delete` give.
pub(super) type AllStats<'py> = Option<Vec<Bound<'py, PyDict>>>;

/// The counters of a session's ports; None: there is no such session.
pub(super) fn all_stats<'py>(
    py: Python<'py>,
    found: Option<Vec<PortStats>>,
) -> PyResult<AllStats<'py>> {
    found
        .map(|ports| ports.iter().map(|one| stats(py, one)).collect())
        .transpose()
}

fn stats<'py>(py: Python<'py>, port: &PortStats) -> PyResult<Bound<'py, PyDict>> {
    let kind = match port.kind {
        Kind::Rtp => "rtp",
        Kind::Rtcp => "rtcp",
    };
    let counters = &port.counters;
    let dict = PyDict::new(py);
    dict.set_item(intern!(py, "stream"), port.stream)?;
    dict.set_item(intern!(py, "side"), port.side)?;
    dict.set_item(intern!(py, "kind"), kind)?;
    dict.set_item(intern!(py, "local"), port.local.to_string())?;
    dict.set_item(intern!(py, "bundled"), port.bundled)?;
    dict.set_item(
        intern!(py, "latched"),
        port.latched.map(|at| at.to_string()),
    )?;
    dict.set_item(intern!(py, "received_packets"), counters.received_packets)?;
    dict.set_item(intern!(py, "received_bytes"), counters.received_bytes)?;
    dict.set_item(intern!(py, "sent_packets"), counters.sent_packets)?;
    dict.set_item(intern!(py, "sent_bytes"), counters.sent_bytes)?;
    dict.set_item(intern!(py, "refused_packets"), counters.refused_packets)?;
    dict.set_item(intern!(py, "malformed_packets"), counters.malformed_packets)?;
    dict.set_item(intern!(py, "unsent_packets"), counters.unsent_packets)?;
    dict.set_item(
        intern!(py, "untargeted_packets"),
        counters.untargeted_packets,
    )?;
    dict.set_item(intern!(py, "target"), port.target.map(|at| at.to_string()))?;
    dict.set_item(
        intern!(py, "stranger"),
        port.stranger.map(|at| at.to_string()),
    )?;
    dict.set_item(intern!(py, "muted"), port.muted)?;
    dict.set_item(
        intern!(py, "unauthentic_packets"),
        counters.unauthentic_packets,
    )?;
    dict.set_item(intern!(py, "replayed_packets"), counters.replayed_packets)?;
    dict.set_item(intern!(py, "suite"), port.suite)?;
    dict.set_item(intern!(py, "handshake"), port.handshake.as_deref())?;
    dict.set_item(intern!(py, "last_seen_ms"), port.idle)?;
    dict.set_item(intern!(py, "transcoding"), port.transcoding)?;
    dict.set_item(
        intern!(py, "why_user"),
        port.why.as_ref().map(ToString::to_string),
    )?;
    let quality = port.quality.as_ref();
    dict.set_item(
        intern!(py, "quality"),
        quality.map(|one| figures(py, one)).transpose()?,
    )?;
    Ok(dict)
}

fn figures<'py>(py: Python<'py>, quality: &Quality) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item(intern!(py, "ssrc"), quality.ssrc)?;
    dict.set_item(intern!(py, "sources"), quality.sources)?;
    dict.set_item(intern!(py, "codec"), quality.codec.map(Codec::name))?;
    dict.set_item(intern!(py, "expected_packets"), quality.expected)?;
    dict.set_item(intern!(py, "lost_packets"), quality.lost)?;
    dict.set_item(intern!(py, "jitter_ms"), quality.jitter_ms)?;
    dict.set_item(intern!(py, "round_trip_ms"), quality.round_trip_ms)?;
    dict.set_item(intern!(py, "reported_loss"), quality.reported_loss)?;
    dict.set_item(
        intern!(py, "reported_jitter_ms"),
        quality.reported_jitter_ms,
    )?;
    dict.set_item(intern!(py, "reported_discard"), quality.reported_discard)?;
    dict.set_item(intern!(py, "reported_mos"), quality.reported_mos)?;
    Ok(dict)
}
