namespace Containerd.Snapshots;

/// <summary>What a store is opened with in tests of several processes.</summary>
[Flags]
internal enum StoreSetup
{
    Plain = 0,

    /// <summary><see cref="Durability.Full"/>.</summary>
    Flushes = 1,

    /// <summary>A writable root beside the root.</summary>
    WritesElsewhere = 2,

    /// <summary>Another store beneath, beside the root.</summary>
    Borrows = 4,
}
