//! `client`: programs that sign their requests to the API.

use std::collections::BTreeSet;

use clap::{Args, Subcommand};
use cosign_core::sm_primitives::sm2::PublicKey;
use serde_json::{Value, json};

use super::{Failure, Output, Target, commands::offline, output::say, recover};
use crate::{
    app::Config,
    domain::{
        ca::AuthorityId,
        clients::{ApiClient, ClientId, Scope, State, WebhookUrl},
        device::Name,
        services::{ClientChanges, Clients, NewClient},
    },
};

#[derive(Debug, Subcommand)]
pub(super) enum ClientCommand {
    /// Make a client known and print its id, the `keyid` of its signatures.
    Add {
        #[command(flatten)]
        target: Target,
        /// What to call it.
        #[arg(long, value_parser = recover::parse_label)]
        name: Name,
        /// Its public key: a PEM file, or X and Y as 128 hexadecimal digits.
        #[arg(long, value_parser = recover::parse_public_key)]
        public_key: PublicKey,
        #[command(flatten)]
        terms: Terms,
        #[command(flatten)]
        output: Output,
    },
    /// List clients, oldest first.
    List {
        #[command(flatten)]
        target: Target,
        #[command(flatten)]
        output: Output,
    },
    /// Refuse a client until it is resumed. Events are not kept for its webhook meanwhile; it can read them afterwards.
    Suspend(OneClient),
    /// Serve a suspended client again.
    Resume(OneClient),
    /// Refuse a client for good.
    Close(OneClient),
    /// Change what a client may do; what is not named stays.
    Set {
        #[command(flatten)]
        one: OneClient,
        /// Another public key, from the next request on.
        #[arg(long, value_parser = recover::parse_public_key)]
        public_key: Option<PublicKey>,
        #[command(flatten)]
        terms: Terms,
        /// Send its events nowhere.
        #[arg(long, conflicts_with = "webhook")]
        no_webhook: bool,
        /// Let it see all authorities, devices and keys.
        #[arg(long, conflicts_with = "authorities")]
        all_authorities: bool,
    },
}

#[derive(Debug, Args)]
pub(super) struct Terms {
    /// What it may do: certificates:read, events:read, webhooks:write, scans:write, tasks:write. For more than one, more than once.
    #[arg(long = "scope", value_parser = parse_scope)]
    scopes: Vec<Scope>,
    /// Requests a minute, at each node [default of a new one: 600].
    #[arg(long)]
    rate: Option<u32>,
    /// Where its events are sent to: https://HOST[:PORT]/PATH.
    #[arg(long, value_parser = parse_url)]
    webhook: Option<WebhookUrl>,
    /// Hold it to this authority. For more than one, more than once.
    #[arg(long = "authority", value_parser = parse_authority)]
    authorities: Vec<AuthorityId>,
}

#[derive(Debug, Args)]
pub(super) struct OneClient {
    #[command(flatten)]
    target: Target,
    /// The client, 32 hexadecimal digits.
    #[arg(value_parser = parse_id)]
    id: ClientId,
    #[command(flatten)]
    output: Output,
}

fn some<T: Ord>(list: Vec<T>) -> Option<BTreeSet<T>> {
    (!list.is_empty()).then(|| list.into_iter().collect())
}

pub(super) async fn run(command: ClientCommand) -> Result<(), Failure> {
    match command {
        ClientCommand::Add { target, name, public_key, terms, output } => {
            let Terms { scopes, rate, webhook, authorities } = terms;
            let (scopes, authorities) = (scopes.into_iter().collect(), some(authorities));
            let new = NewClient { name, public_key, scopes, rate, webhook, authorities };
            let client = with(&target, async |clients| clients.add(new).await).await?;
            show(&client, output);
        }
        ClientCommand::List { target, output } => {
            let clients = with(&target, async |clients| clients.list().await).await?;
            if output.json {
                say(json!({ "clients": clients.iter().map(client_json).collect::<Vec<_>>() }));
            } else {
                clients.iter().for_each(|client| show(client, output));
            }
        }
        ClientCommand::Suspend(one) => change(&one, State::Suspended).await?,
        ClientCommand::Resume(one) => change(&one, State::Active).await?,
        ClientCommand::Close(one) => change(&one, State::Closed).await?,
        ClientCommand::Set { one, public_key, terms, no_webhook, all_authorities } => {
            let Terms { scopes, rate, webhook, authorities } = terms;
            let changes = ClientChanges {
                public_key,
                scopes: some(scopes),
                rate,
                webhook: if no_webhook { Some(None) } else { webhook.map(Some) },
                authorities: if all_authorities { Some(None) } else { some(authorities).map(Some) },
            };
            let client = with(&one.target, async |clients| clients.set(&one.id, changes).await).await?;
            show(&client, one.output);
        }
    }
    Ok(())
}

async fn change(one: &OneClient, to: State) -> Result<(), Failure> {
    let client = with(&one.target, async |clients| clients.change(&one.id, to).await).await?;
    show(&client, one.output);
    Ok(())
}

async fn with<T>(
    target: &Target,
    act: impl AsyncFnOnce(&Clients) -> Result<T, crate::domain::Error>,
) -> Result<T, Failure> {
    let allow_http = Config::read(&target.config)?.webhooks.allow_http;
    let offline = offline(&target.config).await?;
    let outcome = act(&offline.clients(allow_http)).await;
    offline.close().await;
    Ok(outcome?)
}

fn show(client: &ApiClient, output: Output) {
    if output.json {
        return say(client_json(client));
    }
    let scopes: Vec<_> = client.scopes.iter().map(|scope| scope.as_str()).collect();
    say(format_args!(
        "{}  {:<9}  {}/min  {}  {}",
        client.id,
        client.state.as_str(),
        client.rate,
        scopes.join(" "),
        client.name.as_str(),
    ));
}

fn client_json(client: &ApiClient) -> Value {
    let some = client.authorities.as_ref();
    json!({
        "client_id": client.id.to_string(),
        "name": client.name.as_str(),
        "state": client.state.as_str(),
        "scopes": client.scopes.iter().map(|scope| scope.as_str()).collect::<Vec<_>>(),
        "requests_per_minute": client.rate,
        "webhook": client.webhook.as_ref().map(WebhookUrl::as_str),
        "authorities": some.map(|some| some.iter().map(AuthorityId::as_str).collect::<Vec<_>>()),
        "created_at_ms": client.created_ms,
        "public_key": client.public_key.to_spki_pem(),
    })
}

fn parse_id(text: &str) -> Result<ClientId, String> {
    text.parse().map_err(|_| "a client id has 32 hexadecimal digits; `client list` shows them".to_owned())
}

fn parse_scope(text: &str) -> Result<Scope, String> {
    let names = || Scope::ALL.map(Scope::as_str).join(", ");
    Scope::from_name(text).ok_or_else(|| format!("the scopes are {}", names()))
}

fn parse_url(text: &str) -> Result<WebhookUrl, String> {
    WebhookUrl::try_from(text.to_owned()).map_err(|error| error.to_string())
}

fn parse_authority(text: &str) -> Result<AuthorityId, String> {
    AuthorityId::try_from(text.to_owned()).map_err(|error| error.to_string())
}
