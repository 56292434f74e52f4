using Containerd.Conformance;

namespace Containerd.Snapshots;

/// <summary>Within one file system and between two, with one thread and with several.</summary>
[TestFixture(null, null, 4)]
[TestFixture("/dev/shm", "/dev/shm", 1)]
[TestFixture(null, "/dev/shm", 2)]
public sealed class FileTreeCopierConformanceTests(string? source, string? destination, int parallelism) : FileTreeCopierConformance
{
    protected override string SourceParent => source ?? base.SourceParent;

    protected override string DestinationParent => destination ?? base.DestinationParent;

    protected override IFileTreeCopier CreateCopier() => new FileTreeCopier(new FileTreeCopierOptions { Parallelism = parallelism });
}
