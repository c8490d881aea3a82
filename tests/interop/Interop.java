import java.math.BigInteger;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.security.Security;
import java.security.cert.X509Certificate;
import java.security.interfaces.ECPrivateKey;
import java.security.spec.ECGenParameterSpec;
import java.util.Arrays;
import java.util.Date;
import java.util.List;
import javax.crypto.Cipher;
import javax.crypto.spec.GCMParameterSpec;
import javax.crypto.spec.IvParameterSpec;
import javax.crypto.spec.SecretKeySpec;
import org.bouncycastle.asn1.ASN1Encodable;
import org.bouncycastle.asn1.ASN1Integer;
import org.bouncycastle.asn1.ASN1OctetString;
import org.bouncycastle.asn1.ASN1Sequence;
import org.bouncycastle.asn1.ASN1Set;
import org.bouncycastle.asn1.cms.AttributeTable;
import org.bouncycastle.asn1.cms.CMSAttributes;
import org.bouncycastle.asn1.cms.ContentInfo;
import org.bouncycastle.asn1.cms.EncryptedContentInfo;
import org.bouncycastle.asn1.cms.EnvelopedData;
import org.bouncycastle.asn1.cms.GCMParameters;
import org.bouncycastle.asn1.cms.KeyTransRecipientInfo;
import org.bouncycastle.asn1.cms.RecipientInfo;
import org.bouncycastle.asn1.cms.SignedData;
import org.bouncycastle.asn1.cms.SignerInfo;
import org.bouncycastle.asn1.gm.GMObjectIdentifiers;
import org.bouncycastle.asn1.x500.X500Name;
import org.bouncycastle.cert.X509CertificateHolder;
import org.bouncycastle.cert.jcajce.JcaCertStore;
import org.bouncycastle.cert.jcajce.JcaX509CertificateConverter;
import org.bouncycastle.cert.jcajce.JcaX509v3CertificateBuilder;
import org.bouncycastle.cms.CMSProcessableByteArray;
import org.bouncycastle.cms.CMSSignedData;
import org.bouncycastle.cms.CMSSignedDataGenerator;
import org.bouncycastle.cms.SignerInformation;
import org.bouncycastle.cms.jcajce.JcaSignerInfoGeneratorBuilder;
import org.bouncycastle.cms.jcajce.JcaSimpleSignerInfoVerifierBuilder;
import org.bouncycastle.crypto.engines.SM2Engine;
import org.bouncycastle.crypto.params.ECDomainParameters;
import org.bouncycastle.crypto.params.ECPrivateKeyParameters;
import org.bouncycastle.crypto.params.ECPublicKeyParameters;
import org.bouncycastle.crypto.signers.SM2Signer;
import org.bouncycastle.jce.ECNamedCurveTable;
import org.bouncycastle.jce.provider.BouncyCastleProvider;
import org.bouncycastle.operator.ContentSigner;
import org.bouncycastle.operator.jcajce.JcaContentSignerBuilder;
import org.bouncycastle.operator.jcajce.JcaDigestCalculatorProviderBuilder;

/**
 * BouncyCastle's side. {@code make DIR} makes a key, a certificate and signed messages; {@code check DIR} reads what was
 * made with them: by BouncyCastle's CMS classes where they know the identifiers, and by its ASN.1 classes and engines
 * everywhere.
 */
public final class Interop {
    private static final String BC = BouncyCastleProvider.PROVIDER_NAME;

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
        X500Name name = new X500Name("C=CN,O=Example,CN=interop");
        ContentSigner signer = new JcaContentSignerBuilder("SM3withSM2").setProvider(BC).build(pair.getPrivate());
        X509CertificateHolder holder = new JcaX509v3CertificateBuilder(
            name, BigInteger.valueOf(0x1234567890L), new Date(0), new Date(4102444800000L), name,
            pair.getPublic()).build(signer);
        X509Certificate certificate = new JcaX509CertificateConverter().setProvider(BC).getCertificate(holder);
        byte[] plain = new byte[100_000];
        for (int i = 0; i < plain.length; i++) {
            plain[i] = (byte) (i % 251);
        }
        Files.writeString(folder.resolve("key.hex"), String.format("%064x", ((ECPrivateKey) pair.getPrivate()).getS()));
        Files.write(folder.resolve("cert.der"), holder.getEncoded());
        Files.write(folder.resolve("plain"), plain);

        CMSProcessableByteArray content = new CMSProcessableByteArray(plain);
        for (boolean direct : new boolean[] {false, true}) {
            CMSSignedDataGenerator signed = new CMSSignedDataGenerator();
            signed.addSignerInfoGenerator(new JcaSignerInfoGeneratorBuilder(
                new JcaDigestCalculatorProviderBuilder().setProvider(BC).build())
                .setDirectSignature(direct).build(signer, certificate));
            signed.addCertificates(new JcaCertStore(List.of(certificate)));
            String kind = direct ? "direct" : "attributes";
            Files.write(folder.resolve("bc-" + kind + "-attached"), signed.generate(content, true).getEncoded());
            Files.write(folder.resolve("bc-" + kind + "-detached"), signed.generate(content, false).getEncoded());
        }
    }

    private static void check(Path folder) throws Exception {
        byte[] plain = Files.readAllBytes(folder.resolve("plain"));
        X509CertificateHolder holder = new X509CertificateHolder(Files.readAllBytes(folder.resolve("cert.der")));
        var curve = ECNamedCurveTable.getParameterSpec("sm2p256v1");
        var domain = new ECDomainParameters(curve.getCurve(), curve.getG(), curve.getN(), curve.getH());
        var d = new BigInteger(Files.readString(folder.resolve("key.hex")).trim(), 16);
        var key = new ECPrivateKeyParameters(d, domain);
        var point = curve.getCurve().decodePoint(holder.getSubjectPublicKeyInfo().getPublicKeyData().getBytes());
        var publicKey = new ECPublicKeyParameters(point, domain);
        int count = 0;
        for (Path path : Files.list(folder).filter(p -> p.getFileName().toString().startsWith("our-")).sorted().toList()) {
            String name = path.getFileName().toString();
            byte[] message = Files.readAllBytes(path);
            // A rule of GmSSL alone.
            if (name.startsWith("our-gmssl-signed")) {
                continue;
            }
            String how = "engines";
            if (name.contains("enveloped")) {
                require(Arrays.equals(open(message, key), plain), name + ": another plaintext");
            } else {
                byte[] content = name.contains("detached") ? plain : null;
                verify(message, content, plain, publicKey, name);
                if (name.contains("rfc")) {
                    verifyByCms(message, content, holder, name);
                    how = "engines and CMS classes";
                }
            }
            System.out.println("BouncyCastle (" + how + ") reads " + name);
            count++;
        }
        require(count > 0, "there is nothing to read");
    }

    private static void verifyByCms(byte[] message, byte[] detached, X509CertificateHolder holder, String name)
            throws Exception {
        CMSSignedData data = detached == null
            ? new CMSSignedData(message) : new CMSSignedData(new CMSProcessableByteArray(detached), message);
        require(data.getCertificates().getMatches(null).contains(holder), name + ": another certificate");
        for (SignerInformation signer : data.getSignerInfos()) {
            require(signer.verify(new JcaSimpleSignerInfoVerifierBuilder().setProvider(BC).build(holder)),
                name + ": the signature does not verify");
        }
    }

    private static void verify(byte[] message, byte[] detached, byte[] plain, ECPublicKeyParameters key, String name)
            throws Exception {
        SignedData data = SignedData.getInstance(ContentInfo.getInstance(message).getContent());
        require(Arrays.equals(message, ContentInfo.getInstance(message).getEncoded("DER")), name + ": not DER");
        ASN1Encodable inside = data.getEncapContentInfo().getContent();
        byte[] content = inside == null ? detached : ASN1OctetString.getInstance(inside).getOctets();
        require(Arrays.equals(content, plain), name + ": another content");
        for (ASN1Encodable element : data.getSignerInfos()) {
            SignerInfo info = SignerInfo.getInstance(element);
            ASN1Set attributes = info.getAuthenticatedAttributes();
            byte[] covered = content;
            if (attributes != null) {
                covered = attributes.getEncoded("DER");
                AttributeTable table = new AttributeTable(attributes);
                byte[] digest = MessageDigest.getInstance("SM3", BC).digest(content);
                ASN1Encodable claimed = table.get(CMSAttributes.messageDigest).getAttrValues().getObjectAt(0);
                require(Arrays.equals(ASN1OctetString.getInstance(claimed).getOctets(), digest), name + ": digest");
                require(table.get(CMSAttributes.contentType).getAttrValues().getObjectAt(0)
                    .equals(data.getEncapContentInfo().getContentType()), name + ": content type");
            }
            SM2Signer signer = new SM2Signer();
            signer.init(false, key);
            signer.update(covered, 0, covered.length);
            require(signer.verifySignature(info.getEncryptedDigest().getOctets()), name + ": signature");
        }
    }

    private static byte[] open(byte[] message, ECPrivateKeyParameters key) throws Exception {
        EnvelopedData data = EnvelopedData.getInstance(ContentInfo.getInstance(message).getContent());
        require(Arrays.equals(message, ContentInfo.getInstance(message).getEncoded("DER")), "not DER");
        RecipientInfo recipient = RecipientInfo.getInstance(data.getRecipientInfos().getObjectAt(0));
        KeyTransRecipientInfo info = KeyTransRecipientInfo.getInstance(recipient.getInfo());
        ASN1Sequence cipher = ASN1Sequence.getInstance(info.getEncryptedKey().getOctets());
        byte[] x = fixed(ASN1Integer.getInstance(cipher.getObjectAt(0)).getValue());
        byte[] y = fixed(ASN1Integer.getInstance(cipher.getObjectAt(1)).getValue());
        byte[] hash = ASN1OctetString.getInstance(cipher.getObjectAt(2)).getOctets();
        byte[] text = ASN1OctetString.getInstance(cipher.getObjectAt(3)).getOctets();
        byte[] raw = java.nio.ByteBuffer.allocate(97 + text.length).put((byte) 4).put(x).put(y).put(hash).put(text).array();
        SM2Engine engine = new SM2Engine(SM2Engine.Mode.C1C3C2);
        engine.init(false, key);
        SecretKeySpec contentKey = new SecretKeySpec(engine.processBlock(raw, 0, raw.length), "SM4");
        EncryptedContentInfo content = data.getEncryptedContentInfo();
        ASN1Encodable parameters = content.getContentEncryptionAlgorithm().getParameters();
        Cipher sm4;
        if (content.getContentEncryptionAlgorithm().getAlgorithm().equals(GMObjectIdentifiers.sms4_gcm)) {
            GCMParameters gcm = GCMParameters.getInstance(parameters);
            sm4 = Cipher.getInstance("SM4/GCM/NoPadding", BC);
            sm4.init(Cipher.DECRYPT_MODE, contentKey, new GCMParameterSpec(gcm.getIcvLen() * 8, gcm.getNonce()));
        } else {
            sm4 = Cipher.getInstance("SM4/CBC/PKCS5Padding", BC);
            byte[] iv = ASN1OctetString.getInstance(parameters).getOctets();
            sm4.init(Cipher.DECRYPT_MODE, contentKey, new IvParameterSpec(iv));
        }
        return sm4.doFinal(content.getEncryptedContent().getOctets());
    }

    private static byte[] fixed(BigInteger coordinate) {
        return org.bouncycastle.util.BigIntegers.asUnsignedByteArray(32, coordinate);
    }

    private static void require(boolean holds, String otherwise) {
        if (!holds) {
            throw new IllegalStateException(otherwise);
        }
    }
}
