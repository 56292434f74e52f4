namespace Containerd.Integration;

/// <summary>What tests of this assembly make once and share; gone when the run ends.</summary>
[SetUpFixture]
public sealed class SharedResources
{
    private static readonly Stack<IDisposable> Owned = new();

    public static string Directory { get; private set; } = null!;

    internal static void Add(IDisposable resource) => Owned.Push(resource);

    [OneTimeSetUp]
    public void Make() => Directory = System.IO.Directory.CreateTempSubdirectory("containerd-integration-").FullName;

    [OneTimeTearDown]
    public void Dispose()
    {
        while (Owned.TryPop(out IDisposable? resource))
            resource.Dispose();
        System.IO.Directory.Delete(Directory, recursive: true);
    }
}
