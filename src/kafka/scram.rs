//! The salted password of SCRAM (RFC 5802 `Hi`), for logging in and for writing credentials.

use std::num::NonZeroU32;

use ring::pbkdf2;

use crate::domain::secret::Secret;
use crate::domain::user::ScramMechanism;

/// Derives the salted password. Kafka applies no SASLprep: the bytes are taken as they are. `None` for no iterations.
pub(super) fn salted_password(
    mechanism: ScramMechanism,
    password: &Secret,
    salt: &[u8],
    iterations: u32,
) -> Option<Secret> {
    let (algorithm, length) = match mechanism {
        ScramMechanism::Sha256 => (pbkdf2::PBKDF2_HMAC_SHA256, 32),
        ScramMechanism::Sha512 => (pbkdf2::PBKDF2_HMAC_SHA512, 64),
    };
    let mut salted = vec![0; length];
    pbkdf2::derive(algorithm, NonZeroU32::new(iterations)?, salt, password.expose(), &mut salted);
    Some(Secret::new(salted))
}

#[cfg(test)]
mod tests {
    use base64::Engine;

    use super::*;

    #[test]
    fn the_salted_password_is_that_of_the_standards_example() {
        // RFC 7677: user `user`, password `pencil`, 4096 iterations; the proof of its client-final message.
        let engine = base64::engine::general_purpose::STANDARD;
        let salt = engine.decode("W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
        let salted = salted_password(ScramMechanism::Sha256, &Secret::new("pencil"), &salt, 4096).unwrap();
        let sign = |key: &[u8], text: &[u8]| {
            ring::hmac::sign(&ring::hmac::Key::new(ring::hmac::HMAC_SHA256, key), text).as_ref().to_vec()
        };
        let client_key = sign(salted.expose(), b"Client Key");
        let stored_key = ring::digest::digest(&ring::digest::SHA256, &client_key);
        let nonce = "rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
        let message =
            format!("n=user,r=rOprNGfwEbeRWgbNEkqO,r={nonce},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,c=biws,r={nonce}");
        let signature = sign(stored_key.as_ref(), message.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(signature).map(|(left, right)| left ^ right).collect();
        assert_eq!(engine.encode(proof), "dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=");
    }
}
