using System.Text;

namespace Containerd;

/// <summary>Labels: small pieces of text that a host or a component attaches to a stored object, and the names that the suite itself uses.</summary>
/// <remarks>
/// The prefix <c>containerd.io/</c> is the suite's. Labels come from the host only: an image's own labels and annotations never become labels of a
/// stored object, since labels steer collection and extraction.
/// </remarks>
public static class Labels
{
    /// <summary>The greatest length of a key and its value together, in bytes of UTF-8. Source: containerd pkg/labels/validate.go.</summary>
    public const int MaxBytes = 4096;

    /// <summary>On a compressed layer's blob: the digest of its uncompressed tar stream (its diff ID).</summary>
    public const string Uncompressed = "containerd.io/uncompressed";

    /// <summary>On a blob, followed by a registry host: the repositories it came from, comma-separated.</summary>
    public const string DistributionSourcePrefix = "containerd.io/distribution.source.";

    /// <summary>On a snapshot that is being filled: the name it will be committed under.</summary>
    public const string SnapshotRef = "containerd.io/snapshot.ref";

    /// <summary>Checks a set of labels.</summary>
    /// <param name="labels">The labels; null is no label.</param>
    /// <exception cref="ContainerdException"><see cref="ErrorKind.InvalidArgument"/>: an empty key, or a key and value longer than <see cref="MaxBytes"/>.</exception>
    public static void Validate(IReadOnlyDictionary<string, string>? labels)
    {
        if (labels is null)
            return;
        foreach ((string key, string value) in labels)
        {
            if (key.Length == 0)
                throw new ContainerdException(ErrorKind.InvalidArgument, "A label's key is empty.");
            int bytes = Encoding.UTF8.GetByteCount(key) + Encoding.UTF8.GetByteCount(value);
            if (bytes > MaxBytes)
            {
                throw new ContainerdException(
                    ErrorKind.InvalidArgument,
                    $"Label '{Excerpt.Of(key)}': key and value have {bytes} bytes, {MaxBytes} are allowed.")
                { Subject = key };
            }
        }
    }
}
