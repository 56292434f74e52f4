namespace Containerd;

/// <summary>How far one ingest has come.</summary>
public sealed record IngestStatus
{
    /// <summary>The reference that the writer chose for it.</summary>
    public required string Reference { get; init; }

    /// <summary>Bytes written so far.</summary>
    public required long Offset { get; init; }

    /// <summary>Bytes expected in all; null where it is not known.</summary>
    public long? Total { get; init; }

    /// <summary>The digest expected; null where it is not known.</summary>
    public Digest? Expected { get; init; }

    /// <summary>When it was first opened; kept when it is resumed.</summary>
    public required DateTimeOffset StartedAt { get; init; }

    /// <summary>When bytes were last written.</summary>
    public required DateTimeOffset UpdatedAt { get; init; }
}
