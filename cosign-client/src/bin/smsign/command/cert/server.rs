//! `smsign cert authorities`, `apply`, `requests`, `install`, `list` and `revoke`.

use std::{fs, io::Write, path::Path, sync::Arc};

use cosign_client::{
    Batch, CertificateOrder, Client, Credentials, Error, NewKeyInfo, ProtectionKey, Store,
    api::{CertificateRequest, CertificateStatus},
    check_label, clock,
    files::{Access, NewFile, check_free},
};
use cosign_core::{Digest, Purpose};
use pki::csr::Builder;
use serde::Serialize;

use crate::{
    args::{CertApply, CertInstall, CertRevoke, DEFAULT_DISTID, ProfileArg, ServerArgs},
    context::{Context, credentials, describe, ensure_active, unlock},
    output::{Failure, Outcome, path_text, printable},
};

fn connected(context: &Context, store: &Store, server: &ServerArgs) -> Result<Client, Failure> {
    let (server, trust) = context.server(store, server)?;
    let device = store.device()?.map(|device| Arc::clone(&device.identity));
    Ok(context.client(server, trust, device))
}

pub(super) fn authorities(server: &ServerArgs, context: &Context) -> Result<Outcome, Failure> {
    let client = connected(context, &context.store()?, server)?;
    let found = context.run(async {
        let found = client.authorities().await;
        client.connection().close().await;
        Ok(found?)
    })?;
    let lines = found.iter().map(|one| {
        let retired = if one.retired { "  (retired)" } else { "" };
        format!("{}  {}{retired}", printable(&one.authority), printable(&one.label))
    });
    context.output.result(&found, lines.collect::<Vec<_>>())?;
    Ok(Outcome::Done)
}

fn request_line(request: &CertificateRequest) -> String {
    let opinion = request.decisions.last().filter(|last| !last.passed);
    let opinion = opinion.map_or_else(String::new, |last| format!("  {}", printable(&last.opinion)));
    let (id, authority) = (printable(&request.request), printable(&request.authority));
    format!("{id}  {authority}  {}  {}{opinion}", printable(&request.kind), printable(&request.state))
}

fn certificate_line(one: &CertificateStatus) -> String {
    let expiring = if one.expiring { "  expires soon" } else { "" };
    let (authority, serial) = (printable(&one.authority), printable(&one.serial));
    let (role, state, subject) = (printable(&one.role), printable(&one.state), printable(&one.subject));
    format!("{authority}  {serial}  {role}  {state}{expiring}  {subject}")
}

pub(super) fn apply(arguments: &CertApply, context: &Context) -> Result<Outcome, Failure> {
    let store = context.store()?;
    let key = store.find(arguments.key.as_deref(), Some(Purpose::Sign))?;
    let subject = arguments.subject.iter();
    let builder =
        subject.fold(Builder::new(key.public_key()), |builder, (kind, value)| builder.subject(*kind, value));
    let unsigned = builder.build().map_err(|error| Failure::Usage(format!("the subject: {error}")))?;
    let (client, device) = context.client_for(&store, &key)?;
    let credentials = credentials(context, &key, device)?;
    let (kind, certificate) = match (&arguments.renew, &arguments.change, &arguments.reissue) {
        (Some(serial), ..) => ("renew", Some(serial)),
        (None, Some(serial), _) => ("change", Some(serial)),
        (None, None, Some(serial)) => ("reissue", Some(serial)),
        (None, None, None) => ("new", None),
    };
    let profile = match arguments.profile {
        ProfileArg::Personal => "personal",
        ProfileArg::Enterprise => "enterprise",
        ProfileArg::SealMaker => "seal-maker",
    };
    let request = context.run(async {
        ensure_active(&store, &client, &key).await?;
        // A request is verified under the default id, whatever id the key signs other messages with.
        let mut batch = Batch::new(vec![Digest::reduce(&unsigned.digest())]);
        let unlocked = unlock(context, &store, &client, key, credentials).await?;
        let failures = client.sign(&unlocked.key, &mut batch, std::future::pending(), |_, _| ()).await?;
        drop(unlocked);
        context.output.pin_failures(failures);
        let signature = batch.items().first().and_then(|item| item.signature());
        let signature = signature.ok_or(Error::BadAnswer("no signature"))?;
        let csr = unsigned.assemble_pem(signature);
        let order = CertificateOrder {
            authority: arguments.authority.clone(),
            kind: kind.to_owned(),
            certificate: certificate.cloned(),
            reason: None,
            csr: csr.map_err(|_| Error::BadAnswer("a signature that does not verify"))?,
            profile: Some(profile.to_owned()),
            dual: arguments.dual,
        };
        let request = client.apply(&order).await;
        client.connection().close().await;
        Ok(request?)
    })?;
    context.output.result(&request, vec![request_line(&request)])?;
    context.output.note("once it is approved: `smsign cert install`");
    Ok(Outcome::Done)
}

pub(super) fn requests(server: &ServerArgs, context: &Context) -> Result<Outcome, Failure> {
    let client = connected(context, &context.store()?, server)?;
    let found = context.run(async {
        let found = client.certificate_requests().await;
        client.connection().close().await;
        Ok(found?)
    })?;
    let lines: Vec<_> = found.iter().map(request_line).collect();
    context.output.result(&found, lines)?;
    Ok(Outcome::Done)
}

pub(super) fn list(server: &ServerArgs, context: &Context) -> Result<Outcome, Failure> {
    let client = connected(context, &context.store()?, server)?;
    let found = context.run(async {
        let found = client.certificates().await;
        client.connection().close().await;
        Ok(found?)
    })?;
    let lines: Vec<_> = found.iter().map(certificate_line).collect();
    context.output.result(&found, lines)?;
    Ok(Outcome::Done)
}

pub(super) fn revoke(arguments: &CertRevoke, context: &Context) -> Result<Outcome, Failure> {
    let client = connected(context, &context.store()?, &arguments.server)?;
    let order = CertificateOrder {
        authority: arguments.authority.clone(),
        kind: "revoke".to_owned(),
        certificate: Some(arguments.serial.clone()),
        reason: Some(arguments.reason.clone()),
        csr: String::new(),
        profile: None,
        dual: false,
    };
    let request = context.run(async {
        let request = client.apply(&order).await;
        client.connection().close().await;
        Ok(request?)
    })?;
    context.output.result(&request, vec![request_line(&request)])?;
    context.output.note("it is revoked once a reviewer has passed that");
    Ok(Outcome::Done)
}

#[derive(Serialize)]
struct Installed {
    certificates: Vec<CertificateStatus>,
    files: Vec<String>,
    /// Id of the decryption key that this device has now.
    #[serde(skip_serializing_if = "Option::is_none")]
    decryption_key_id: Option<String>,
    /// Id under which a decryption key waits for the custodians of the key centre.
    #[serde(skip_serializing_if = "Option::is_none")]
    recover_key_id: Option<String>,
}

pub(super) fn install(arguments: &CertInstall, context: &Context) -> Result<Outcome, Failure> {
    check_label(&arguments.label).map_err(|what| Failure::Usage(what.into()))?;
    let targets = ["sign", "encrypt"].map(|role| arguments.out.join(role).with_extension("pem"));
    for target in &targets {
        check_free(target, arguments.force)?;
    }
    let store = context.store()?;
    let (server, trust) = context.server(&store, &arguments.server)?;
    let device = store.device_or_new()?;
    let client = context.client(server.clone(), trust.clone(), Some(Arc::clone(&device.identity)));
    let protection = ProtectionKey::generate()?;
    let mut report = Installed {
        certificates: Vec::new(),
        files: Vec::new(),
        decryption_key_id: None,
        recover_key_id: None,
    };
    context.run(async {
        // A decryption key is delivered once, so whatever may still go wrong does so before.
        let asked = client.certificate_requests().await?;
        let mut pin = None;
        if asked.iter().any(|one| one.request == arguments.request && one.dual && one.state == "approved") {
            store.check_label_free(&arguments.label, Purpose::Encrypt)?;
            pin = Some(context.pins.new_pin()?);
        }
        let installed = client.install(&arguments.request, &protection).await?;
        installed.check(&store.keys()?)?;
        let certified = installed.decryption_key()?;
        fs::create_dir_all(&arguments.out).map_err(|error| Error::file(&arguments.out, error))?;
        for one in &installed.certificates {
            let target = if one.role == "sign" { &targets[0] } else { &targets[1] };
            write(target, one.certificate.as_bytes(), arguments.force)?;
            report.files.push(path_text(target));
        }
        report.certificates = installed.certificates;
        let Some(key) = installed.key else {
            client.connection().close().await;
            return Ok(());
        };
        let Some(enveloped) = key.enveloped else {
            report.recover_key_id = Some(key.key_id.to_string());
            client.connection().close().await;
            return Ok(());
        };
        let pin = pin.map_or_else(|| context.pins.new_pin(), Ok)?;
        let credentials = Arc::new(Credentials { pin, device: device.secret });
        let recovery = client.recovery_under(key.key_id, protection).await?;
        let recovered = recovery.open(&enveloped)?;
        if certified.is_some_and(|key| key != *recovered.public_key()) {
            return Err(Error::BadAnswer("a certificate of another decryption key").into());
        }
        let info = NewKeyInfo {
            label: &arguments.label,
            server: &server,
            trust: &trust,
            distid: DEFAULT_DISTID,
            created_ms: clock::now_ms(),
        };
        context.output.note(format_args!("splitting the decryption key together with {server} ..."));
        client.import(&store, &recovery, recovered, credentials, info).await?;
        client.connection().close().await;
        let key = store.key(key.key_id)?;
        context.output.note(format_args!("key {} is ready", describe(&key)));
        report.decryption_key_id = Some(key.info.key_id);
        Ok::<_, Failure>(())
    })?;
    let mut lines: Vec<_> = report.certificates.iter().map(certificate_line).collect();
    if let Some(id) = &report.recover_key_id {
        lines.push(format!("{id}  the decryption key waits for `smsign recover`"));
    }
    context.output.result(&report, lines)?;
    Ok(Outcome::Done)
}

fn write(path: &Path, bytes: &[u8], force: bool) -> Result<(), Failure> {
    let mut file = NewFile::create(path, force, Access::Usual)?;
    file.write_all(bytes).map_err(|error| Error::file(path, error))?;
    Ok(file.commit()?)
}
