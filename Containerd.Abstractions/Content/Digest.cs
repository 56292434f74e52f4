using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Security.Cryptography;
using System.Text.Json.Serialization;

namespace Containerd;

/// <summary>A content digest, <c>sha256:e3b0c442…</c>: an algorithm and the lower-case hexadecimal hash of some bytes.</summary>
/// <remarks>
/// <para>Immutable; equality is ordinal over the text form. <see langword="default"/> is the empty digest: it is equal only to
/// itself, names no content and formats as the empty string.</para>
/// <para>Accepted algorithms are those that the OCI image specification registers and that can be verified here:
/// <c>sha256</c>, <c>sha384</c> and <c>sha512</c>. Source: image-spec v1.1 descriptor.md §Digests.</para>
/// </remarks>
[JsonConverter(typeof(DigestJsonConverter))]
public readonly struct Digest : IEquatable<Digest>, ISpanParsable<Digest>
{
    private static readonly SearchValues<char> HexDigits = SearchValues.Create("0123456789abcdef");

    private readonly string? _text;

    private Digest(string text) => _text = text;

    /// <summary>Whether this is the empty digest.</summary>
    public bool IsEmpty => _text is null;

    /// <summary>The algorithm: <c>sha256</c>, <c>sha384</c> or <c>sha512</c>. Empty for the empty digest.</summary>
    public string Algorithm => _text is null ? "" : _text[.._text.IndexOf(':')];

    /// <summary>The hash in lower-case hexadecimal: 64, 96 or 128 characters. Empty for the empty digest.</summary>
    public string Hex => _text is null ? "" : _text[(_text.IndexOf(':') + 1)..];

    /// <summary>The SHA-256 digest of bytes in memory.</summary>
    /// <param name="content">The bytes.</param>
    public static Digest Sha256(ReadOnlySpan<byte> content)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(content, hash);
        return FromHash(HashAlgorithmName.SHA256, hash);
    }

    /// <summary>The digest made of a finished hash.</summary>
    /// <param name="algorithm"><see cref="HashAlgorithmName.SHA256"/>, <see cref="HashAlgorithmName.SHA384"/> or <see cref="HashAlgorithmName.SHA512"/>.</param>
    /// <param name="hash">The hash, of the algorithm's length.</param>
    /// <exception cref="ArgumentException">Another algorithm, or a hash of another length.</exception>
    public static Digest FromHash(HashAlgorithmName algorithm, ReadOnlySpan<byte> hash)
    {
        string name = algorithm.Name?.ToLowerInvariant() ?? "";
        if (HexLength(name) != hash.Length * 2)
            throw new ArgumentException($"No digest algorithm {name} with a hash of {hash.Length} bytes.", nameof(hash));
        return new Digest($"{name}:{Convert.ToHexStringLower(hash)}");
    }

    /// <summary>A hasher whose result, given to <see cref="FromHash"/>, is a digest of this digest's algorithm.</summary>
    /// <returns>The hasher; the caller disposes it.</returns>
    /// <exception cref="InvalidOperationException">This is the empty digest.</exception>
    public IncrementalHash CreateHash() => IncrementalHash.CreateHash(HashName);

    /// <summary>The algorithm as the BCL names it.</summary>
    /// <exception cref="InvalidOperationException">This is the empty digest.</exception>
    public HashAlgorithmName HashName => IsEmpty
        ? throw new InvalidOperationException("The empty digest has no algorithm.")
        : new HashAlgorithmName(Algorithm.ToUpperInvariant());

    /// <summary>Whether bytes in memory are the content this digest names.</summary>
    /// <param name="content">The bytes.</param>
    /// <exception cref="InvalidOperationException">This is the empty digest.</exception>
    public bool Matches(ReadOnlySpan<byte> content) =>
        this == FromHash(HashName, CryptographicOperations.HashData(HashName, content));

    /// <summary>Parses <c>algorithm:hex</c>.</summary>
    /// <param name="s">The text.</param>
    /// <exception cref="FormatException">Not a digest of a registered algorithm in lower-case hexadecimal.</exception>
    public static Digest Parse(string s)
    {
        ArgumentNullException.ThrowIfNull(s);
        return TryParse(s, out Digest digest)
            ? digest
            : throw new FormatException($"'{Excerpt.Of(s)}' is not a digest: expected sha256:, sha384: or sha512: and a hash in lower-case hexadecimal.");
    }

    /// <summary>Parses <c>algorithm:hex</c>.</summary>
    /// <param name="s">The text; null is no digest.</param>
    /// <param name="result">The digest, or the empty one.</param>
    public static bool TryParse([NotNullWhen(true)] string? s, out Digest result)
    {
        bool valid = s is not null && IsValid(s);
        result = valid ? new Digest(s!) : default;
        return valid;
    }

    /// <inheritdoc/>
    public static Digest Parse(ReadOnlySpan<char> s, IFormatProvider? provider) => Parse(s.ToString());

    /// <inheritdoc/>
    public static bool TryParse(ReadOnlySpan<char> s, IFormatProvider? provider, out Digest result) => TryParse(s.ToString(), out result);

    static Digest IParsable<Digest>.Parse(string s, IFormatProvider? provider) => Parse(s);

    static bool IParsable<Digest>.TryParse(string? s, IFormatProvider? provider, out Digest result) => TryParse(s, out result);

    /// <inheritdoc/>
    public bool Equals(Digest other) => string.Equals(_text, other._text, StringComparison.Ordinal);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is Digest other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode() => _text is null ? 0 : string.GetHashCode(_text, StringComparison.Ordinal);

    /// <summary>The text form <c>algorithm:hex</c>; the empty string for the empty digest.</summary>
    public override string ToString() => _text ?? "";

    /// <summary>Whether two digests have the same text form.</summary>
    /// <param name="left">One digest.</param>
    /// <param name="right">The other.</param>
    public static bool operator ==(Digest left, Digest right) => left.Equals(right);

    /// <summary>Whether two digests have different text forms.</summary>
    /// <param name="left">One digest.</param>
    /// <param name="right">The other.</param>
    public static bool operator !=(Digest left, Digest right) => !left.Equals(right);

    private static bool IsValid(string s)
    {
        int colon = s.IndexOf(':', StringComparison.Ordinal);
        return colon > 0
            && s.Length - colon - 1 == HexLength(s.AsSpan(0, colon))
            && !s.AsSpan(colon + 1).ContainsAnyExcept(HexDigits);
    }

    private static int HexLength(ReadOnlySpan<char> algorithm) => algorithm switch
    {
        "sha256" => 64,
        "sha384" => 96,
        "sha512" => 128,
        _ => -1,
    };
}
