//! `pkgsrv token`.

use std::time::SystemTime;

use anyhow::Result;
use pkgsrv::{
    ChannelName, DEFAULT_TOKEN_DAYS, DataArgs, ProjectPattern, TokenName, TokenRequest, UploadToken, create_token,
    revoke_token,
};
use serde_json::json;

use super::{JsonArgs, print_json};

#[derive(Debug, clap::Args)]
pub(crate) struct TokenCommand {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, clap::Subcommand)]
enum Action {
    /// Make a token and print it, this once
    Create(Create),
    /// Show tokens, without their secrets: what they allow, and until when
    List(List),
    /// Take a token away; a running server refuses it from then on
    Revoke(Revoke),
}

#[derive(Debug, clap::Args)]
struct Create {
    /// What to call it: lowercase letters, digits and inner dashes
    name: TokenName,
    /// Project that may be uploaded, or how names of such begin (`my-*`), may be repeated [default: all]
    #[arg(long = "project", value_name = "NAME|PREFIX*", default_value = "*", hide_default_value = true)]
    projects: Vec<ProjectPattern>,
    /// Channel that may be uploaded to, may be repeated
    #[arg(long = "channel", value_name = "NAME", default_value = "main")]
    channels: Vec<ChannelName>,
    /// For how long it is valid
    #[arg(long = "expiry", value_name = "DAYS", default_value_t = DEFAULT_TOKEN_DAYS,
          value_parser = clap::value_parser!(u32).range(1..=3650))]
    days: u32,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    output: JsonArgs,
}

#[derive(Debug, clap::Args)]
struct List {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    output: JsonArgs,
}

#[derive(Debug, clap::Args)]
struct Revoke {
    /// Its name
    name: TokenName,
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    output: JsonArgs,
}

impl TokenCommand {
    pub(crate) fn run(self) -> Result<()> {
        match self.action {
            Action::Create(command) => command.run(),
            Action::List(command) => command.run(),
            Action::Revoke(command) => command.run(),
        }
    }
}

impl Create {
    fn run(self) -> Result<()> {
        let Self { name, projects, channels, days, data, output } = self;
        let request = TokenRequest { name, channels, projects, days };
        let (token, secret) = create_token(&data.data_dir(), &request, SystemTime::now())?;
        if output.json {
            let mut told = as_json(&token);
            told["secret"] = secret.into();
            return print_json(&told);
        }
        // The secret alone on standard output, for a variable of a script.
        eprintln!("{}It is shown this once:", described(&token));
        println!("{secret}");
        Ok(())
    }
}

impl List {
    fn run(self) -> Result<()> {
        let tokens = self.data.data_dir().tokens().list()?;
        if self.output.json {
            let tokens: Vec<_> = tokens.iter().map(as_json).collect();
            return print_json(&json!({ "tokens": tokens }));
        }
        if tokens.is_empty() {
            eprintln!("there are no tokens: `pkgsrv token create NAME` makes one");
        }
        for token in &tokens {
            let expired = if token.is_expired(SystemTime::now()) { "  expired\n" } else { "" };
            print!("{}{expired}", described(token));
        }
        Ok(())
    }
}

impl Revoke {
    fn run(self) -> Result<()> {
        revoke_token(&self.data.data_dir(), &self.name)?;
        if self.output.json {
            return print_json(&json!({ "revoked": self.name.to_string() }));
        }
        println!("revoked {}", self.name);
        Ok(())
    }
}

fn as_json(token: &UploadToken) -> serde_json::Value {
    let UploadToken { name, created, expires, channels, projects, .. } = token;
    json!({ "name": name, "created": created, "expires": expires, "channels": channels, "projects": projects })
}

fn described(token: &UploadToken) -> String {
    let projects = token.projects.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
    let (channels, expires) = (token.channels.join(", "), &token.expires.as_str()[..10]);
    format!("token {}\n  projects  {projects}\n  channels  {channels}\n  expires   {expires}\n", token.name)
}
