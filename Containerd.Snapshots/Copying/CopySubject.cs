using static Containerd.Snapshots.Interop;

namespace Containerd.Snapshots;

/// <summary>What is being copied, for messages: nothing is put into words before something fails.</summary>
internal readonly ref struct CopySubject(CopiedDirectory directory, ReadOnlySpan<byte> terminatedName) : ICopySubject
{
    public CopiedDirectory Directory => directory;

    /// <summary>With a NUL behind it.</summary>
    public ReadOnlySpan<byte> TerminatedName { get; } = terminatedName;

    public ReadOnlySpan<byte> Name => TerminatedName[..^1];

    public string SourcePath => directory.Source!.Side.PathOf(directory.Source, TerminatedName);

    public string DestinationPath => directory.Destination.Side.PathOf(directory.Destination, TerminatedName);

    public void CheckSource(FileResult result, string operation) =>
        directory.Source!.Side.Check(result, operation, directory.Source, TerminatedName);

    public void CheckDestination(FileResult result, string operation) =>
        directory.Destination.Side.Check(result, operation, directory.Destination, TerminatedName);

    public ContainerdException SourceChanged() => CopyFailure.Changed(SourcePath, isSource: true);

    public ContainerdException DestinationChanged() => CopyFailure.Changed(DestinationPath, isSource: false);
}
