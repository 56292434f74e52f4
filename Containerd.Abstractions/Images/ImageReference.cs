using System.Diagnostics.CodeAnalysis;
using System.Text.RegularExpressions;

namespace Containerd;

/// <summary>Where an image is: a registry, a repository in it, and a tag or a digest or both.</summary>
/// <remarks>
/// <para>Immutable with structural equality. The text form is <c>HOST[:PORT]/PATH[:TAG][@DIGEST]</c>; the host is always there, as containerd has it. What a
/// person types at Docker (<c>alpine</c>) is understood by <see cref="ParseFamiliar"/> only.</para>
/// <para>The repository, host included, has at most 255 characters; path components are lower-case letters and digits with <c>.</c>, <c>_</c>, <c>__</c> or
/// dashes between them; a tag has at most 128 of letters, digits, <c>_</c>, <c>.</c> and <c>-</c>.</para>
/// <para>Source: the grammar of github.com/distribution/reference; containerd pkg/reference.</para>
/// </remarks>
public sealed partial record ImageReference
{
    private const int MaxNameLength = 255;

    private ImageReference(string registry, string path, string? tag, Digest? digest)
    {
        Registry = registry;
        Path = path;
        Tag = tag;
        Digest = digest;
    }

    /// <summary>The registry's host, with the port where there is one: <c>docker.io</c>, <c>localhost:5000</c>, <c>[::1]:5000</c>.</summary>
    public string Registry { get; }

    /// <summary>The repository within the registry: <c>library/alpine</c>.</summary>
    public string Path { get; }

    /// <summary>The tag; null where there is none.</summary>
    public string? Tag { get; }

    /// <summary>The digest; null where there is none. With a tag beside it, the digest decides and the tag is only a comment.</summary>
    public Digest? Digest { get; }

    /// <summary>The repository with its registry: <c>docker.io/library/alpine</c>.</summary>
    public string Repository => $"{Registry}/{Path}";

    /// <summary>Parses the full form.</summary>
    /// <param name="s">The text.</param>
    /// <exception cref="FormatException">Not a full reference; the message says what is wrong.</exception>
    public static ImageReference Parse(string s)
    {
        ArgumentNullException.ThrowIfNull(s);
        return TryParse(s, out ImageReference? reference, out string problem)
            ? reference
            : throw new FormatException($"'{Excerpt.Of(s)}' is not an image reference: {problem}.");
    }

    /// <summary>Parses the full form.</summary>
    /// <param name="s">The text; null is no reference.</param>
    /// <param name="reference">The reference.</param>
    public static bool TryParse([NotNullWhen(true)] string? s, [NotNullWhen(true)] out ImageReference? reference)
    {
        reference = null;
        return s is not null && TryParse(s, out reference, out _);
    }

    /// <summary>
    /// Parses what a person types: a missing host means <c>docker.io</c>, a single path component there means one under <c>library/</c>, and a
    /// missing tag and digest mean <c>latest</c>.
    /// </summary>
    /// <param name="s">The text: <c>alpine</c>, <c>alpine:3.22</c>, <c>ghcr.io/owner/name</c> …</param>
    /// <exception cref="FormatException">Not a reference even so; the message says what is wrong.</exception>
    public static ImageReference ParseFamiliar(string s)
    {
        ArgumentNullException.ThrowIfNull(s);
        string first = s.Split('/', 2)[0];
        bool hasHost = s.Contains('/', StringComparison.Ordinal) && LooksLikeHost(first);
        string full = hasHost ? s : $"docker.io/{s}";
        if (full.StartsWith("index.docker.io/", StringComparison.Ordinal) || full.StartsWith("registry-1.docker.io/", StringComparison.Ordinal))
            full = $"docker.io/{full[(full.IndexOf('/', StringComparison.Ordinal) + 1)..]}";
        if (full.StartsWith("docker.io/", StringComparison.Ordinal) && full.IndexOf('/', "docker.io/".Length) < 0)
            full = $"docker.io/library/{full["docker.io/".Length..]}";
        ImageReference reference = TryParse(full, out ImageReference? parsed, out string problem)
            ? parsed
            : throw new FormatException($"'{Excerpt.Of(s)}' is not an image reference: {problem}.");
        return reference.Tag is null && reference.Digest is null ? reference.WithTag("latest") : reference;
    }

    /// <summary>The same repository with this tag and no digest.</summary>
    /// <param name="tag">The tag.</param>
    /// <exception cref="FormatException">Not a tag.</exception>
    public ImageReference WithTag(string tag)
    {
        ArgumentNullException.ThrowIfNull(tag);
        return TagPattern().IsMatch(tag)
            ? new ImageReference(Registry, Path, tag, null)
            : throw new FormatException($"'{Excerpt.Of(tag)}' is not a tag: letters, digits, '_', '.' and '-', at most 128.");
    }

    /// <summary>The same repository, and tag, with this digest.</summary>
    /// <param name="digest">The digest.</param>
    public ImageReference WithDigest(Digest digest) => new(Registry, Path, Tag, digest);

    /// <summary>The full form.</summary>
    public override string ToString() => $"{Repository}{(Tag is null ? "" : $":{Tag}")}{(Digest is null ? "" : $"@{Digest}")}";

    private static bool TryParse(string s, [NotNullWhen(true)] out ImageReference? reference, out string problem)
    {
        reference = null;
        problem = "";
        string rest = s;
        Digest? digest = null;
        string? tag = null;

        int at = rest.IndexOf('@', StringComparison.Ordinal);
        if (at >= 0)
        {
            if (!Containerd.Digest.TryParse(rest[(at + 1)..], out Digest parsed))
            {
                problem = "what follows '@' is not a digest";
                return false;
            }
            digest = parsed;
            rest = rest[..at];
        }

        int colon = rest.LastIndexOf(':');
        if (colon > rest.LastIndexOf('/'))
        {
            tag = rest[(colon + 1)..];
            if (!TagPattern().IsMatch(tag))
            {
                problem = "what follows the last ':' is not a tag";
                return false;
            }
            rest = rest[..colon];
        }

        int slash = rest.IndexOf('/', StringComparison.Ordinal);
        if (slash <= 0 || !LooksLikeHost(rest[..slash]) || !HostPattern().IsMatch(rest[..slash]))
            problem = "it must begin with the registry's host, as in docker.io/library/alpine:3.22";
        else if (rest.Length > MaxNameLength)
            problem = $"the repository has more than {MaxNameLength} characters";
        else if (!PathPattern().IsMatch(rest[(slash + 1)..]))
            problem = "the repository may have lower-case letters and digits, with '.', '_', '__' or dashes between them, in components separated by '/'";
        else
            reference = new ImageReference(rest[..slash], rest[(slash + 1)..], tag, digest);
        return reference is not null;
    }

    private static bool LooksLikeHost(string component) =>
        component == "localhost" || component.AsSpan().IndexOfAny('.', ':') >= 0 || component.Any(char.IsAsciiLetterUpper);

    [GeneratedRegex(@"\A[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}\z")]
    private static partial Regex TagPattern();

    [GeneratedRegex(@"\A(?:(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])(?:\.(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9]))*|\[[0-9A-Fa-f:]+\])(?::[0-9]{1,5})?\z", RegexOptions.NonBacktracking)]
    private static partial Regex HostPattern();

    [GeneratedRegex(@"\A[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*\z", RegexOptions.NonBacktracking)]
    private static partial Regex PathPattern();
}
