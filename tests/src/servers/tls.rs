//! Certificates for one TLS server: an authority of its own, a server and a client certificate.

use std::path::{Path, PathBuf};

use anyhow::Context;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// A fresh authority and what it signed, as PEM files in one folder. No other program trusts it.
///
/// A second one, made by a test, is an authority that the server's certificate does *not* come from.
#[derive(Debug)]
pub struct CertificateAuthority {
    ca: PathBuf,
    server_cert: PathBuf,
    server_key: PathBuf,
    client_cert: PathBuf,
    client_key: PathBuf,
}

impl CertificateAuthority {
    /// Makes the keys and certificates and writes them to `folder`.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn create(folder: &Path) -> anyhow::Result<Self> {
        let key = KeyPair::generate()?;
        let mut parameters = CertificateParams::new(Vec::new())?;
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        parameters.distinguished_name.push(DnType::CommonName, "Agensium tests");
        let certificate = parameters.self_signed(&key)?;
        let issuer = Issuer::new(parameters, key);

        let ca = write(folder, "ca.pem", &certificate.pem())?;
        let names = vec!["localhost".to_owned(), "127.0.0.1".to_owned()];
        let (server_cert, server_key) =
            issue(&issuer, folder, "server", names, ExtendedKeyUsagePurpose::ServerAuth)?;
        let (client_cert, client_key) =
            issue(&issuer, folder, "client", Vec::new(), ExtendedKeyUsagePurpose::ClientAuth)?;
        Ok(Self { ca, server_cert, server_key, client_cert, client_key })
    }

    /// The authority's own certificate.
    pub fn ca_file(&self) -> &Path {
        &self.ca
    }

    /// The certificate for `localhost` and 127.0.0.1.
    pub fn server_cert_file(&self) -> &Path {
        &self.server_cert
    }

    /// The server's private key.
    pub fn server_key_file(&self) -> &Path {
        &self.server_key
    }

    /// A certificate for a client.
    pub fn client_cert_file(&self) -> &Path {
        &self.client_cert
    }

    /// The client's private key.
    pub fn client_key_file(&self) -> &Path {
        &self.client_key
    }
}

fn issue(
    issuer: &Issuer<'_, KeyPair>,
    folder: &Path,
    role: &str,
    names: Vec<String>,
    usage: ExtendedKeyUsagePurpose,
) -> anyhow::Result<(PathBuf, PathBuf)> {
    let key = KeyPair::generate()?;
    let mut parameters = CertificateParams::new(names)?;
    parameters.distinguished_name.push(DnType::CommonName, role);
    parameters.extended_key_usages = vec![usage];
    let certificate = parameters.signed_by(&key, issuer)?;
    let cert_file = write(folder, &format!("{role}.pem"), &certificate.pem())?;
    let key_file = write(folder, &format!("{role}.key"), &key.serialize_pem())?;
    Ok((cert_file, key_file))
}

fn write(folder: &Path, name: &str, pem: &str) -> anyhow::Result<PathBuf> {
    let path = folder.join(name);
    std::fs::write(&path, pem).with_context(|| format!("writing {}", path.display()))?;
    Ok(path)
}
