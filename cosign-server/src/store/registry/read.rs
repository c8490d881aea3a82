//! Reads of authorities and what they keep.

use cosign_core::{
    DeviceId, KeyId,
    sm_primitives::{point::PublicPoint, sm2::PublicKey},
};
use envelope::{ber, cms::Quirks};
use futures_util::future::BoxFuture;

use crate::{
    domain::{
        ca::{
            Authority, AuthorityId, AuthorityKey, CertState, Certificate, Duty, EscrowedKey, Kind, Profile,
            Reason, Request, RequestId, RequestState, Role, Serial,
            ports::{List, ListKind, Listed, Registry, Which},
        },
        operators::ports::WhichRequests,
        page::Page,
        ports::StoreError,
    },
    store::{
        apply::stored,
        database::Database,
        query::{Pool, Query, Row, query},
        read::{all, one},
        rows::{bytes, malformed, name, number, optional, unsigned},
    },
};

fn authority_id(row: &Row) -> Result<AuthorityId, sqlx::Error> {
    AuthorityId::try_from(row.get::<String>("authority")?).map_err(|_| malformed("an id is malformed"))
}

fn serial(body: &[u8]) -> Result<Serial, sqlx::Error> {
    Serial::new(body).map_err(|_| malformed("a serial number is malformed"))
}

fn optional_serial(row: &Row, column: &str) -> Result<Option<Serial>, sqlx::Error> {
    row.get::<Option<&[u8]>>(column)?.map(serial).transpose()
}

fn optional_number(row: &Row, column: &str) -> Result<Option<u64>, sqlx::Error> {
    row.get::<Option<i64>>(column)?.map(unsigned).transpose()
}

fn reason(value: i64) -> Result<Reason, sqlx::Error> {
    let reason = u8::try_from(value).ok().and_then(Reason::from_number);
    reason.ok_or_else(|| malformed("unknown reason"))
}

/// Certificates that were written one after another.
fn chain(bytes: &[u8]) -> Result<Vec<pki::Certificate>, sqlx::Error> {
    let broken = || malformed("a chain is malformed");
    let (mut elements, mut chain) = (ber::Reader::new(bytes), Vec::new());
    while !elements.is_empty() {
        let element = elements.next(&mut Quirks::default()).map_err(|_| broken())?;
        chain.push(pki::Certificate::from_der(element.whole).map_err(|_| broken())?);
    }
    if chain.is_empty() { Err(broken()) } else { Ok(chain) }
}

fn authority(row: &Row) -> Result<Authority, sqlx::Error> {
    let options: &str = row.get("options")?;
    Ok(Authority {
        id: authority_id(row)?,
        label: name(row, "label")?,
        chain: chain(row.get("chain")?)?,
        options: serde_json::from_str(options).map_err(|_| malformed("options are malformed"))?,
        created_ms: number(row, "created_ms")?,
        retired_ms: optional_number(row, "retired_ms")?,
        status_version: number(row, "status_version")?,
    })
}

fn authority_key(row: &Row) -> Result<AuthorityKey, sqlx::Error> {
    let point =
        PublicPoint::from_bytes(&bytes(row, "public_key")?).ok_or_else(|| malformed("not a public key"))?;
    Ok(AuthorityKey {
        authority: authority_id(row)?,
        duty: Duty::from_name(row.get("duty")?).ok_or_else(|| malformed("unknown duty"))?,
        public_key: PublicKey::from(point),
        certificate: row.get("certificate")?,
        created_ms: number(row, "created_ms")?,
        sealed: row.get("sealed")?,
    })
}

fn certificate(row: &Row) -> Result<Certificate, sqlx::Error> {
    let since = optional_number(row, "listed_ms")?;
    let why = row.get::<Option<i64>>("reason")?.map(reason).transpose()?;
    Ok(Certificate {
        authority: authority_id(row)?,
        serial: serial(row.get("serial")?)?,
        role: Role::from_name(row.get("role")?).ok_or_else(|| malformed("unknown role"))?,
        state: CertState::from_name(row.get("state")?).ok_or_else(|| malformed("unknown state"))?,
        subject: row.get("subject")?,
        public_key: bytes(row, "public_key")?,
        device: optional(row, "device_id")?.map(DeviceId::from_bytes),
        key_id: optional(row, "key_id")?.map(KeyId::from_bytes),
        pair: optional_serial(row, "pair")?,
        replaces: optional_serial(row, "replaces")?,
        request: optional(row, "request")?.map(RequestId::from_bytes),
        not_before_ms: number(row, "not_before_ms")?,
        not_after_ms: number(row, "not_after_ms")?,
        issued_ms: number(row, "issued_ms")?,
        listed: since.zip(why),
        status_version: number(row, "status_version")?,
        der: row.get("der")?,
    })
}

fn request(row: &Row) -> Result<Request, sqlx::Error> {
    let why = row.get::<Option<i64>>("reason")?.map(reason).transpose()?;
    let kind = Kind::from_parts(row.get("kind")?, optional_serial(row, "target")?, why);
    let decisions: &str = row.get("decisions")?;
    Ok(Request {
        id: RequestId::from_bytes(bytes(row, "request")?),
        authority: authority_id(row)?,
        kind: kind.ok_or_else(|| malformed("unknown kind of request"))?,
        device: optional(row, "device_id")?.map(DeviceId::from_bytes),
        csr: row.get("csr")?,
        profile: Profile::from_name(row.get("profile")?).ok_or_else(|| malformed("unknown profile"))?,
        dual: row.get("dual")?,
        state: RequestState::from_name(row.get("state")?).ok_or_else(|| malformed("unknown state"))?,
        decisions: serde_json::from_str(decisions).map_err(|_| malformed("decisions are malformed"))?,
        created_ms: number(row, "created_ms")?,
        version: row.get("version")?,
    })
}

fn list(row: &Row) -> Result<List, sqlx::Error> {
    Ok(List {
        authority: authority_id(row)?,
        delta: row.get::<i64>("kind")? == 1,
        number: number(row, "number")?,
        status_version: number(row, "status_version")?,
        this_update_ms: number(row, "this_update_ms")?,
        next_update_ms: number(row, "next_update_ms")?,
        der: row.get("der")?,
    })
}

/// What is off the lists again is listed as that.
fn listed(row: &Row) -> Result<Listed, sqlx::Error> {
    let why = row.get::<Option<i64>>("reason")?.map(reason).transpose()?;
    Ok(Listed {
        serial: serial(row.get("serial")?)?,
        since_ms: optional_number(row, "listed_ms")?.map_or_else(|| number(row, "issued_ms"), Ok)?,
        reason: why.unwrap_or(Reason::RemoveFromCrl),
    })
}

fn escrowed(row: &Row) -> Result<EscrowedKey, sqlx::Error> {
    Ok(EscrowedKey {
        authority: authority_id(row)?,
        public_key: bytes(row, "public_key")?,
        container: row.get("container")?,
        created_ms: number(row, "created_ms")?,
    })
}

pub(in crate::store) async fn authority_keys(pool: &Pool) -> Result<Vec<AuthorityKey>, StoreError> {
    let rows = query("SELECT * FROM authority_keys ORDER BY created_ms, public_key");
    all(rows.all(pool).await, authority_key)
}

/// Of a list that is newest first, what stands behind the cursor of a page.
fn before(rows: Query, order: &str, page: &Page) -> Query {
    let Some(after) = page.after() else { return rows };
    let mut rows = rows;
    rows.push(&format!(" AND ({order}) < ("), stored(after.at_ms));
    rows.push(", ", &after.id[..]);
    rows.then(")")
}

async fn certificates(pool: &Pool, which: Which) -> Result<Vec<Certificate>, StoreError> {
    let mut rows = query("SELECT * FROM certificates WHERE 1 = 1");
    if let Some(authority) = &which.authority {
        rows.push(" AND authority = ", authority.as_str());
    }
    if let Some(device) = &which.device {
        rows.push(" AND device_id = ", &device.as_bytes()[..]);
    }
    if let Some(public_key) = &which.public_key {
        rows.push(" AND public_key = ", &public_key[..]);
    }
    rows = before(rows, "issued_ms, serial", &which.page);
    rows.push(" ORDER BY issued_ms DESC, serial DESC LIMIT ", which.page.to_read());
    all(rows.all(pool).await, certificate)
}

pub(in crate::store) async fn requests_where(
    pool: &Pool,
    which: WhichRequests,
) -> Result<Vec<Request>, StoreError> {
    let mut rows = query("SELECT * FROM certificate_requests WHERE 1 = 1");
    if let Some(id) = which.id {
        rows.push(" AND request = ", &id.as_bytes()[..]);
    }
    if let Some(state) = which.state {
        rows.push(" AND state = ", state.as_str());
    }
    if let Some(after) = which.after {
        rows.push(
            " AND (created_ms, request) < (SELECT a.created_ms, a.request FROM certificate_requests a \
             WHERE a.request = ",
            &after.as_bytes()[..],
        );
        rows = rows.then(")");
    }
    rows.push(" ORDER BY created_ms DESC, request DESC LIMIT ", which.limit);
    all(rows.all(pool).await, request)
}

impl Registry for Database {
    fn authorities(&self) -> BoxFuture<'_, Result<Vec<Authority>, StoreError>> {
        Box::pin(async {
            let rows = query("SELECT * FROM authorities ORDER BY created_ms, authority");
            all(rows.all(self.readers()).await, authority)
        })
    }

    fn authority<'a>(&'a self, id: &'a AuthorityId) -> BoxFuture<'a, Result<Option<Authority>, StoreError>> {
        Box::pin(async {
            let row = query("SELECT * FROM authorities WHERE authority = $1").bind(id.as_str());
            one(row.optional(self.readers()).await, authority)
        })
    }

    fn certificate<'a>(
        &'a self,
        authority: &'a AuthorityId,
        serial: &'a Serial,
    ) -> BoxFuture<'a, Result<Option<Certificate>, StoreError>> {
        Box::pin(async {
            let row = query("SELECT * FROM certificates WHERE authority = $1 AND serial = $2")
                .bind(authority.as_str())
                .bind(serial.as_bytes());
            one(row.optional(self.readers()).await, certificate)
        })
    }

    fn certificates(&self, which: Which) -> BoxFuture<'_, Result<Vec<Certificate>, StoreError>> {
        Box::pin(certificates(self.readers(), which))
    }

    fn ended(&self, now_ms: u64, limit: u32) -> BoxFuture<'_, Result<Vec<Certificate>, StoreError>> {
        Box::pin(async move {
            let rows = query(
                "SELECT * FROM certificates WHERE state IN ('valid', 'frozen', 'needs-change') \
                 AND not_after_ms < $1 ORDER BY not_after_ms LIMIT $2",
            )
            .bind(stored(now_ms))
            .bind(limit);
            all(rows.all(self.readers()).await, certificate)
        })
    }

    fn listed<'a>(
        &'a self,
        authority: &'a AuthorityId,
        after: Option<u64>,
    ) -> BoxFuture<'a, Result<Vec<Listed>, StoreError>> {
        Box::pin(async move {
            let query = match after {
                None => query(
                    "SELECT serial, listed_ms, reason, issued_ms FROM certificates \
                     WHERE authority = $1 AND status_version > 0 AND listed_ms IS NOT NULL ORDER BY listed_ms, serial",
                )
                .bind(authority.as_str()),
                Some(after) => query(
                    "SELECT serial, listed_ms, reason, issued_ms FROM certificates \
                     WHERE authority = $1 AND status_version > $2 ORDER BY listed_ms, serial",
                )
                .bind(authority.as_str())
                .bind(stored(after)),
            };
            all(query.all(self.readers()).await, listed)
        })
    }

    fn list<'a>(
        &'a self,
        authority: &'a AuthorityId,
        which: ListKind,
    ) -> BoxFuture<'a, Result<Option<List>, StoreError>> {
        Box::pin(async move {
            let row = query("SELECT * FROM revocation_lists WHERE authority = $1 AND kind = $2")
                .bind(authority.as_str())
                .bind(match which {
                    ListKind::Full => 0_i64,
                    ListKind::Delta => 1,
                    ListKind::Base => 2,
                });
            one(row.optional(self.readers()).await, list)
        })
    }

    fn request<'a>(&'a self, id: &'a RequestId) -> BoxFuture<'a, Result<Option<Request>, StoreError>> {
        Box::pin(async {
            let row =
                query("SELECT * FROM certificate_requests WHERE request = $1").bind(id.as_bytes().to_vec());
            one(row.optional(self.readers()).await, request)
        })
    }

    fn requests<'a>(
        &'a self,
        device: Option<&'a DeviceId>,
        page: &'a Page,
    ) -> BoxFuture<'a, Result<Vec<Request>, StoreError>> {
        Box::pin(async move {
            let mut rows = query("SELECT * FROM certificate_requests WHERE 1 = 1");
            if let Some(device) = device {
                rows.push(" AND device_id = ", &device.as_bytes()[..]);
            }
            rows = before(rows, "created_ms, request", page);
            rows.push(" ORDER BY created_ms DESC, request DESC LIMIT ", page.to_read());
            all(rows.all(self.readers()).await, request)
        })
    }

    fn escrowed<'a>(
        &'a self,
        public_key: &'a [u8; 64],
    ) -> BoxFuture<'a, Result<Option<EscrowedKey>, StoreError>> {
        Box::pin(async {
            let row = query("SELECT * FROM escrowed_keys WHERE public_key = $1").bind(&public_key[..]);
            one(row.optional(self.readers()).await, escrowed)
        })
    }
}
