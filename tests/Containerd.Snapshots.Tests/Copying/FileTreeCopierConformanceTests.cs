using Containerd.Conformance;

namespace Containerd.Snapshots;

/// <summary>On a disk with several threads, and in memory with one.</summary>
[TestFixture(null, 4)]
[TestFixture("/dev/shm", 1)]
public sealed class FileTreeCopierConformanceTests(string? parent, int parallelism) : FileTreeCopierConformance
{
    protected override string SourceParent => parent ?? base.SourceParent;

    protected override string DestinationParent => parent ?? base.DestinationParent;

    protected override IFileTreeCopier CreateCopier() => new FileTreeCopier(new FileTreeCopierOptions { Parallelism = parallelism });
}
