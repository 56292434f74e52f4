namespace Containerd.Conformance;

/// <summary>What a <see cref="TarBuilder"/> writes into an entry's header besides name, type and content. The defaults are owner 0:0 and the year 2001.</summary>
public sealed record TarEntryOptions
{
    /// <summary>Permission bits; null for 0644, or 0755 for directories, or 0777 for symbolic links.</summary>
    public int? Mode { get; init; }

    /// <summary>The owner's number.</summary>
    public long Uid { get; init; }

    /// <summary>The group's number.</summary>
    public long Gid { get; init; }

    /// <summary>The modification time in seconds since 1970.</summary>
    public long ModifyTime { get; init; } = 1_000_000_000;

    /// <summary>Major and minor number of a device.</summary>
    public (long Major, long Minor) Device { get; init; }

    /// <summary>PAX records to put in front, in order; keys may come twice.</summary>
    public IReadOnlyList<(string Key, byte[] Value)> Pax { get; init; } = [];
}
