//! Commands that do the same work as whole processes.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use super::{IN_FLIGHT, Scene, Way};
use crate::gateway::{ACCESS_KEY, BUCKET, REGION, SECRET_KEY};
use crate::rivals;
use crate::worker::Work;

/// One command, run again and again.
pub struct Commands {
    command: Command,
}

impl Commands {
    /// `s5cmd cp`.
    pub fn s5cmd(scene: &Scene) -> Commands {
        let mut command = command(&rivals::s5cmd().expect("it was found before"));
        command.args(["--endpoint-url", &scene.endpoint, "--numworkers", &IN_FLIGHT.to_string(), "--log", "error"]);
        let (files, objects) = (scene.folder.display(), objects(scene));
        command.arg("cp");
        match scene.way {
            Way::Up => command.args([format!("{files}/*"), objects]),
            Way::Down => command.args([format!("{objects}*"), format!("{files}/")]),
        };
        Commands { command }
    }

    /// `aws s3 cp --recursive`, which is told in a file how many files to move at once.
    pub fn aws(scene: &Scene) -> Commands {
        let settings = scene.folder.with_file_name("aws-settings");
        let text = format!("[default]\nregion = {REGION}\ns3 =\n  max_concurrent_requests = {IN_FLIGHT}\n");
        fs::write(&settings, text).expect("room for a file");
        let mut command = command(&rivals::aws().expect("it was found before"));
        command.env("AWS_CONFIG_FILE", settings).env("AWS_EC2_METADATA_DISABLED", "true");
        command.args(["s3", "cp", "--recursive", "--only-show-errors", "--endpoint-url", &scene.endpoint]);
        let (files, objects) = (scene.folder.display().to_string(), objects(scene));
        match scene.way {
            Way::Up => command.args([files, objects]),
            Way::Down => command.args([objects, files]),
        };
        Commands { command }
    }
}

fn command(program: &Path) -> Command {
    let mut command = Command::new(program);
    command.env("AWS_ACCESS_KEY_ID", ACCESS_KEY).env("AWS_SECRET_ACCESS_KEY", SECRET_KEY);
    command.env("AWS_REGION", REGION).stdin(Stdio::null()).stdout(Stdio::null());
    command
}

fn objects(scene: &Scene) -> String {
    format!("s3://{BUCKET}/{}", scene.way.prefix())
}

impl Work for Commands {
    fn run(&mut self) {
        let status = self.command.status().expect("the command runs");
        assert!(status.success(), "{:?}: {status}", self.command);
    }

    fn is_by_children(&self) -> bool {
        true
    }
}
