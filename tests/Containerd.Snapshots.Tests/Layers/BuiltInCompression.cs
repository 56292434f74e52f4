namespace Containerd.Snapshots.Tests;

/// <summary>What comes with the package: gzip by either inflater, and Zstandard.</summary>
public enum BuiltInCompression
{
    Gzip,
    GzipWithoutIsal,
    Zstandard,
}
