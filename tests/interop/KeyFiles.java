import java.io.ByteArrayOutputStream;
import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.KeyStore;
import java.security.SecureRandom;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.interfaces.ECPrivateKey;
import java.security.spec.ECGenParameterSpec;
import java.util.Date;
import javax.crypto.Cipher;
import javax.crypto.SecretKeyFactory;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.PBEKeySpec;
import javax.crypto.spec.SecretKeySpec;
import org.bouncycastle.asn1.ASN1ObjectIdentifier;
import org.bouncycastle.asn1.ASN1OctetString;
import org.bouncycastle.asn1.DERNull;
import org.bouncycastle.asn1.DERPrintableString;
import org.bouncycastle.asn1.gm.GMObjectIdentifiers;
import org.bouncycastle.asn1.nist.NISTObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.EncryptedPrivateKeyInfo;
import org.bouncycastle.asn1.pkcs.PBES2Parameters;
import org.bouncycastle.asn1.pkcs.PBKDF2Params;
import org.bouncycastle.asn1.pkcs.PKCSObjectIdentifiers;
import org.bouncycastle.asn1.pkcs.PrivateKeyInfo;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.asn1.x509.AlgorithmIdentifier;
import org.bouncycastle.asn1.x509.Extension;
import org.bouncycastle.asn1.x509.ExtensionsGenerator;
import org.bouncycastle.asn1.x509.KeyUsage;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.ContentSigner;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaContentVerifierProviderBuilder;
import org.bouncycastle.pkcs.PKCS10CertificationRequest;
import org.bouncycastle.pkcs.jcajce.JcaPKCS10CertificationRequestBuilder;
import org.bouncycastle.pkcs.jcajce.JcaPKCS8EncryptedPrivateKeyInfoBuilder;
import org.bouncycastle.pkcs.jcajce.JcePKCSPBEOutputEncryptorBuilder;

/**
 * BouncyCastle's side of requests and key files. {@code make DIR} writes {@code bc-*} and the key in {@code key.hex};
 * {@code check DIR} reads {@code our-request} and {@code our-key}. The password is 密码1.
 */
public final class KeyFiles {
    private static final String BC = BouncyCastleProvider.PROVIDER_NAME;
    private static final char[] PASSWORD = "密码1".toCharArray();

    public static void main(String[] arguments) throws Exception {
        Security.addProvider(new BouncyCastleProvider());
        Path folder = Path.of(arguments[1]);
        if (arguments[0].equals("make")) {
            make(folder);
        } else {
            check(folder);
        }
    }

    private static void make(Path folder) throws Exception {
        KeyPairGenerator generator = KeyPairGenerator.getInstance("EC", BC);
        generator.initialize(new ECGenParameterSpec("sm2p256v1"), new SecureRandom());
        KeyPair pair = generator.generateKeyPair();
        ECPrivateKey key = (ECPrivateKey) pair.getPrivate();
        Files.writeString(folder.resolve("key.hex"), String.format("%064x", key.getS()));
        X500Name name = new X500Name("C=CN,O=Example,CN=测试单位");
        ContentSigner signer = new JcaContentSignerBuilder("SM3withSM2").setProvider(BC).build(key);

        for (ASN1ObjectIdentifier cipher : new ASN1ObjectIdentifier[] {
            NISTObjectIdentifiers.id_aes256_CBC, NISTObjectIdentifiers.id_aes128_CBC,
            PKCSObjectIdentifiers.des_EDE3_CBC, PKCSObjectIdentifiers.pbeWithSHAAnd3_KeyTripleDES_CBC}) {
            for (ASN1ObjectIdentifier prf : new ASN1ObjectIdentifier[] {
                PKCSObjectIdentifiers.id_hmacWithSHA1, PKCSObjectIdentifiers.id_hmacWithSHA256}) {
                var encryptor = new JcePKCSPBEOutputEncryptorBuilder(cipher).setProvider(BC)
                    .setPRF(new AlgorithmIdentifier(prf, DERNull.INSTANCE)).setIterationCount(2000).build(PASSWORD);
                byte[] encrypted = new JcaPKCS8EncryptedPrivateKeyInfoBuilder(key).build(encryptor).getEncoded();
                Files.write(folder.resolve("bc-key-" + cipher + "-" + prf), encrypted);
            }
        }

        Certificate certificate = new JcaX509CertificateConverter().setProvider(BC).getCertificate(
            new JcaX509v3CertificateBuilder(name, BigInteger.TEN, new Date(0), new Date(4102444800000L), name,
                pair.getPublic()).build(signer));
        for (String kind : new String[] {"PKCS12", "PKCS12-DEF", "PKCS12-3DES-3DES", "PKCS12-DEF-3DES-3DES"}) {
            KeyStore store = KeyStore.getInstance(kind, BC);
            store.load(null, null);
            store.setKeyEntry("测试", key, null, new Certificate[] {certificate});
            ByteArrayOutputStream out = new ByteArrayOutputStream();
            store.store(out, PASSWORD);
            Files.write(folder.resolve("bc-store-" + kind), out.toByteArray());
        }

        ExtensionsGenerator extensions = new ExtensionsGenerator();
        extensions.addExtension(Extension.keyUsage, true, new KeyUsage(KeyUsage.digitalSignature));
        Files.write(folder.resolve("bc-request"), new JcaPKCS10CertificationRequestBuilder(name, pair.getPublic())
            .addAttribute(PKCSObjectIdentifiers.pkcs_9_at_extensionRequest, extensions.generate())
            .addAttribute(PKCSObjectIdentifiers.pkcs_9_at_challengePassword, new DERPrintableString("111111"))
            .build(signer).getEncoded());
    }

    private static void check(Path folder) throws Exception {
        byte[] bytes = Files.readAllBytes(folder.resolve("our-request"));
        PKCS10CertificationRequest request = new PKCS10CertificationRequest(bytes);
        require(java.util.Arrays.equals(bytes, request.toASN1Structure().getEncoded("DER")), "our-request is DER");
        require(request.isSignatureValid(
            new JcaContentVerifierProviderBuilder().setProvider(BC).build(request.getSubjectPublicKeyInfo())),
            "the signature of our-request");
        require(request.getAttributes(PKCSObjectIdentifiers.pkcs_9_at_extensionRequest).length == 1, "extensions");
        // Its own decryptor does not know how long a key of SM4 is, so its engines do it.
        EncryptedPrivateKeyInfo encrypted =
            EncryptedPrivateKeyInfo.getInstance(Files.readAllBytes(folder.resolve("our-key")));
        PBES2Parameters both = PBES2Parameters.getInstance(encrypted.getEncryptionAlgorithm().getParameters());
        PBKDF2Params derivation = PBKDF2Params.getInstance(both.getKeyDerivationFunc().getParameters());
        require(derivation.getPrf().getAlgorithm().equals(GMObjectIdentifiers.hmac_sm3), "HMAC-SM3");
        require(both.getEncryptionScheme().getAlgorithm().equals(GMObjectIdentifiers.sms4_cbc), "SM4-CBC");
        byte[] wrapping = SecretKeyFactory.getInstance("PBKDF2WITHHMACSM3", BC).generateSecret(new PBEKeySpec(
            PASSWORD, derivation.getSalt(), derivation.getIterationCount().intValueExact(), 128)).getEncoded();
        Cipher sm4 = Cipher.getInstance("SM4/CBC/PKCS5Padding", BC);
        sm4.init(Cipher.DECRYPT_MODE, new SecretKeySpec(wrapping, "SM4"), new IvParameterSpec(
            ASN1OctetString.getInstance(both.getEncryptionScheme().getParameters()).getOctets()));
        PrivateKeyInfo key = PrivateKeyInfo.getInstance(sm4.doFinal(encrypted.getEncryptedData()));
        BigInteger expected = new BigInteger(Files.readString(folder.resolve("key.hex")).trim(), 16);
        require(org.bouncycastle.asn1.sec.ECPrivateKey.getInstance(key.parsePrivateKey()).getKey().equals(expected),
            "the key in our-key");
        System.out.println("BouncyCastle reads our-request and our-key");
    }

    private static void require(boolean holds, String what) {
        if (!holds) {
            throw new IllegalStateException("not as expected: " + what);
        }
    }
}
