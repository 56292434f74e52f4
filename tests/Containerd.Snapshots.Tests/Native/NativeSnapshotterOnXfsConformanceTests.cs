using Containerd.Conformance;

namespace Containerd.Snapshots;

/// <summary>On a file system whose copies share their content (reflink).</summary>
[TestFixture]
[RequiresRoot, RequiresFileSystem("xfs"), RequiresProgram("mkfs.xfs")]
public class NativeSnapshotterOnXfsConformanceTests() : NativeSnapshotterConformanceTests("xfs", Durability.Full);
