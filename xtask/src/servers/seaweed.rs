//! SeaweedFS: the S3 server that keeps every promise that devlog relies on.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context;
use serde_json::json;

use super::process::{Launch, Server, http_status};
use super::{ACCESS_KEY, SECRET_KEY};

/// Starts it with its data in `folder`, or in a temporary one.
pub(super) fn start(program: &Path, folder: Option<&Path>) -> anyhow::Result<Server> {
    // Every port is set: the defaults clash with a second copy.
    Server::start(9, folder, |home, ports| {
        let keys = json!({"identities": [{
            "name": "devlog",
            "credentials": [{"accessKey": ACCESS_KEY, "secretKey": SECRET_KEY}],
            "actions": ["Admin", "Read", "Write", "List", "Tagging"],
        }]});
        fs::write(home.join("s3.json"), keys.to_string()).context("cannot write the server's keys")?;
        let &[master, master_grpc, volume, volume_grpc, filer, filer_grpc, s3, s3_grpc, metrics] = ports
        else {
            unreachable!("nine ports were asked for");
        };
        let mut command = Command::new(program);
        command
            .args(["-logtostderr=true", "-v=0", "server", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"])
            .arg(format!("-dir={}", home.display()))
            .args(["-master.volumeSizeLimitMB=1024", "-master.telemetry=false", "-volume.max=1000"])
            .args(["-filer", "-s3", "-s3.config=s3.json", "-s3.port.iceberg=0", "-s3.port.lance=0"])
            .arg(format!("-master.port={master}"))
            .arg(format!("-master.port.grpc={master_grpc}"))
            .arg(format!("-volume.port={volume}"))
            .arg(format!("-volume.port.grpc={volume_grpc}"))
            .arg(format!("-filer.port={filer}"))
            .arg(format!("-filer.port.grpc={filer_grpc}"))
            .arg(format!("-s3.port={s3}"))
            .arg(format!("-s3.port.grpc={s3_grpc}"))
            .arg(format!("-metricsPort={metrics}"))
            // Each bucket grows its own volumes, seven at a time by default: many test buckets would use them up.
            .env("WEED_MASTER_VOLUME_GROWTH_COPY_1", "2");
        // S3 answers before a volume can be written to; a first upload would fail.
        let ready =
            move || http_status(s3, "/") == Some(403) && http_status(master, "/dir/assign") == Some(200);
        Ok(Launch { command, port: s3, ready: Box::new(ready) })
    })
}
