//! Looks for secrets in running times by statistics, on the processor it runs on: for the paths that Valgrind cannot
//! run. Source: Reparaz, Balasch, Verbauwhede, "Dude, is my code constant time?", DATE 2017.
//!
//! `dudect [SECONDS [NAME]]`: each operation runs for so many seconds (default 4) with a fixed secret or a random one, by
//! the toss of a coin. Welch's t-test compares the times of both, over all samples and over the fastest of them. A time
//! that depends on the secret makes |t| grow with the number of samples; a noisy neighbour makes it jump once. So an
//! operation fails that is above the bound in three runs of three. The planted leak must be found, or silence proves
//! nothing.
#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program that prints, and stops if it cannot measure"
)]

use std::{
    hint::black_box,
    process::ExitCode,
    time::{Duration, Instant},
};

use getrandom::SysRng;
use sm_primitives::{
    PublicPoint, Scalar, SecretScalar, batch,
    rand_core::{TryCryptoRng, TryRng},
    sm2::{PrivateKey, dsa},
    sm4::{cbc, ctr, gcm},
};

/// |t| above this is a leak: far above 4.5, which chance exceeds once in 10^5 tests of independent samples, as those of
/// a shared machine are not independent.
const BOUND: f64 = 10.0;
const RUNS: usize = 3;
/// Secrets that are made ready, outside the time, before as many samples.
const CHUNK: usize = 64;
/// A slow operation goes on beyond its time until it has so many: a test of a few samples passes whatever they are.
const MIN_SAMPLES: usize = 2000;
/// What share of the samples, the fastest, each test looks at.
const CROPS: [f64; 6] = [1.0, 0.99, 0.95, 0.9, 0.75, 0.5];

/// Measures a chunk: 32 bytes of secret for each sample; seconds for each.
type Chunk = Box<dyn FnMut(&[[u8; 32]]) -> Vec<f64>>;

#[expect(clippy::disallowed_methods, reason = "a measurement of time")]
fn now() -> Instant {
    Instant::now()
}

/// Prepares the secret of each sample, then takes the time of each operation.
fn timed<T>(prepare: impl Fn(&[u8; 32]) -> T + 'static, mut run: impl FnMut(&T) + 'static) -> Chunk {
    Box::new(move |secrets| {
        let ready: Vec<T> = secrets.iter().map(&prepare).collect();
        let time = |secret| {
            let start = now();
            run(black_box(secret));
            start.elapsed().as_secs_f64()
        };
        ready.iter().map(time).collect()
    })
}

/// Bytes that repeat themselves, so that a signature's nonce costs no call of the system.
struct Counter(u64);

impl TryRng for Counter {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        self.0 = self.0.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        Ok(u32::try_from(self.0 >> 32).unwrap())
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        Ok(u64::from(self.try_next_u32()?) << 32 | u64::from(self.try_next_u32()?))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        for chunk in out.chunks_mut(4) {
            chunk.copy_from_slice(&self.try_next_u32()?.to_le_bytes()[..chunk.len()]);
        }
        Ok(())
    }
}

impl TryCryptoRng for Counter {}

/// Less than n and not zero: the top byte of n is 0xff.
fn scalar(secret: &[u8; 32]) -> SecretScalar {
    let mut bytes = *secret;
    bytes[0] &= 0x7f;
    bytes[31] |= 1;
    SecretScalar::from_bytes(&bytes).unwrap()
}

fn cipher_key(secret: &[u8; 32]) -> [u8; 16] {
    secret[16..].try_into().unwrap()
}

fn operations() -> Vec<(&'static str, Chunk)> {
    const BATCH: usize = 32;
    let q = PublicPoint::mul_base(&scalar(&[0x35; 32]));
    vec![
        (
            "k*G",
            timed(scalar, |k| {
                black_box(PublicPoint::mul_base(k));
            }),
        ),
        (
            "k*G, 32 at once",
            timed(
                // All of them follow from one secret, and so are fixed or random together.
                |secret| {
                    let first = scalar(secret);
                    let add = |i| first.add_public(&Scalar::from_u128(i)).unwrap();
                    (1..=BATCH as u128).map(add).collect::<Vec<_>>()
                },
                |ks| drop(black_box(batch::mul_base(ks))),
            ),
        ),
        (
            "k*Q",
            timed(scalar, move |k| {
                black_box(q.mul(k));
            }),
        ),
        ("k*Q, 32 at once", {
            let points: Vec<_> = (1..=BATCH)
                .map(|i| PublicPoint::mul_base(&scalar(&[u8::try_from(i).unwrap(); 32])))
                .collect();
            timed(scalar, move |k| drop(black_box(batch::mul_same(k, &points))))
        }),
        ("inverse mod n", timed(scalar, |k| drop(black_box(k.invert())))),
        ("sign digest", {
            let mut random = Counter(1);
            let key = |secret: &[u8; 32]| PrivateKey::from_bytes(&scalar(secret).expose_bytes()).unwrap();
            timed(key, move |key| {
                black_box(dsa::sign_digest(key, &[7; 32], &mut random).unwrap());
            })
        }),
        ("SM4-CTR, one block", timed(cipher_key, |key| ctr::Ctr::new(key, &[1; 16]).apply(&mut [0; 16]))),
        ("SM4-CTR 4096", timed(cipher_key, |key| ctr::Ctr::new(key, &[1; 16]).apply(&mut [0; 4096]))),
        (
            "SM4-CBC, 16 at once",
            timed(cipher_key, |key| {
                let mut encryptors: [_; 16] = core::array::from_fn(|_| cbc::Encryptor::new(key, &[1; 16]));
                let mut data = [[0; 64]; 16];
                let mut messages: Vec<_> = encryptors
                    .iter_mut()
                    .zip(&mut data)
                    .map(|(encryptor, data)| (encryptor, &mut data[..]))
                    .collect();
                cbc::encrypt_many(&mut messages).unwrap();
                black_box(&data);
            }),
        ),
        (
            "SM4-GCM seal 4096",
            timed(cipher_key, |key| {
                black_box(gcm::seal_in_place(key, &[1; 12], &[], &mut [0; 4096]).unwrap());
            }),
        ),
    ]
}

/// What must be found: more work for half of the random secrets. The printed difference says how small a leak this run
/// can be trusted to find.
fn planted() -> Chunk {
    timed(scalar, |k| {
        black_box(PublicPoint::mul_base(k));
        let more = if k.expose_bytes()[30] & 1 == 1 { 2000 } else { 0 };
        (0..more).for_each(|i| {
            black_box(i);
        });
    })
}

/// Mean, variance, number.
fn moments(times: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let (mut count, mut mean, mut squares) = (0.0, 0.0, 0.0);
    for time in times {
        count += 1.0;
        let difference = time - mean;
        mean += difference / count;
        squares += difference * (time - mean);
    }
    (mean, squares / (count - 1.0), count)
}

/// Welch's t of the samples with a fixed secret and those with a random one, 0 if there are too few.
fn welch(samples: &[(bool, f64)], limit: f64) -> f64 {
    let class = |fixed| {
        moments(
            samples.iter().filter(|(class, time)| *class == fixed && *time <= limit).map(|(_, time)| *time),
        )
    };
    let ((mean_a, variance_a, count_a), (mean_b, variance_b, count_b)) = (class(true), class(false));
    let error = (variance_a / count_a + variance_b / count_b).sqrt();
    if count_a < 100.0 || count_b < 100.0 || error == 0.0 { 0.0 } else { (mean_a - mean_b) / error }
}

/// The largest |t| over all crops, the difference of the medians in nanoseconds, and the number of samples.
fn test(chunk: &mut Chunk, time: Duration) -> (f64, f64, usize) {
    let mut samples = Vec::new();
    let mut random = vec![0; CHUNK * 33];
    let (start, mut warm) = (now(), false);
    while start.elapsed() < time || samples.len() < MIN_SAMPLES {
        SysRng.try_fill_bytes(&mut random).unwrap();
        let (coins, bytes) = random.split_at(CHUNK);
        let class: Vec<bool> = coins.iter().map(|coin| coin & 1 == 1).collect();
        // The fixed secret is a small number: many zeros are what a leak would show on.
        let secrets: Vec<[u8; 32]> = class
            .iter()
            .zip(bytes.chunks_exact(32))
            .map(|(fixed, bytes)| if *fixed { [0; 32] } else { bytes.try_into().unwrap() })
            .collect();
        let times = chunk(&secrets);
        if warm {
            samples.extend(class.into_iter().zip(times));
        }
        warm = true;
    }
    let mut sorted: Vec<f64> = samples.iter().map(|(_, time)| *time).collect();
    sorted.sort_by(f64::total_cmp);
    let limit = |crop: f64| {
        let kept = sorted.iter().scan(0.0, |seen, time| {
            *seen += 1.0;
            (*seen <= crop * sorted.len() as f64).then_some(*time)
        });
        kept.last().unwrap_or(0.0)
    };
    let largest = CROPS.iter().map(|crop| welch(&samples, limit(*crop)).abs()).fold(0.0, f64::max);
    let median = |fixed| {
        let mut times: Vec<f64> =
            samples.iter().filter(|(class, _)| *class == fixed).map(|(_, time)| *time).collect();
        times.sort_by(f64::total_cmp);
        times.get(times.len() / 2).copied().unwrap_or(0.0)
    };
    (largest, (median(false) - median(true)) * 1e9, samples.len())
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let seconds = arguments.next().map_or(4.0, |text| text.parse().unwrap());
    let wanted = arguments.next();
    let time = Duration::from_secs_f64(seconds);

    let (t, difference, samples) = test(&mut planted(), time);
    println!("{:<24} |t| {t:9.1}, medians differ by {difference:.0} ns, {samples} samples", "a planted leak");
    if t <= BOUND {
        println!("the planted leak was not found: this machine is too noisy, or the time too short");
        return ExitCode::FAILURE;
    }
    let mut leaks = 0;
    for (name, mut chunk) in operations() {
        if wanted.as_ref().is_some_and(|wanted| !name.contains(wanted.as_str())) {
            continue;
        }
        for run in 1..=RUNS {
            let (t, difference, samples) = test(&mut chunk, time);
            println!("{name:<24} |t| {t:9.1}, medians differ by {difference:.0} ns, {samples} samples");
            if t <= BOUND {
                break;
            }
            leaks += u32::from(run == RUNS);
        }
    }
    println!("{leaks} operations depend on their secret");
    if leaks == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
