namespace Containerd;

/// <summary>Bytes were received or read whose digest or size is not the one that names them.</summary>
/// <remarks>The bytes are never made visible under the expected digest. <see cref="ContainerdException.Kind"/> is <see cref="ErrorKind.DataCorrupted"/>.</remarks>
public sealed class DigestMismatchException : ContainerdException
{
    /// <summary>Creates the exception.</summary>
    /// <param name="subject">What carried the bytes: a reference, an ingest, a file.</param>
    /// <param name="expected">The digest the bytes should have had.</param>
    /// <param name="actual">The digest they have.</param>
    /// <param name="expectedSize">The size they should have had in bytes; null where it was not known.</param>
    /// <param name="actualSize">The size they have in bytes.</param>
    public DigestMismatchException(string subject, Digest expected, Digest actual, long? expectedSize, long actualSize)
        : base(ErrorKind.DataCorrupted, Describe(subject, expected, actual, expectedSize, actualSize))
    {
        Subject = subject;
        Expected = expected;
        Actual = actual;
        ExpectedSize = expectedSize;
        ActualSize = actualSize;
    }

    /// <summary>The digest the bytes should have had.</summary>
    public Digest Expected { get; }

    /// <summary>The digest the bytes have.</summary>
    public Digest Actual { get; }

    /// <summary>The size the bytes should have had; null where it was not known.</summary>
    public long? ExpectedSize { get; }

    /// <summary>The size the bytes have.</summary>
    public long ActualSize { get; }

    private static string Describe(string subject, Digest expected, Digest actual, long? expectedSize, long actualSize) =>
        expectedSize is { } size && size != actualSize
            ? $"{subject}: expected {size} bytes with digest {expected}, got {actualSize} bytes with digest {actual}."
            : $"{subject}: expected digest {expected}, got {actual} ({actualSize} bytes).";
}
