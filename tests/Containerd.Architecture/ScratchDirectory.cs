namespace Containerd.Architecture;

/// <summary>A directory for one test, gone with it.</summary>
internal sealed class ScratchDirectory : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("containerd-architecture-").FullName;

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
