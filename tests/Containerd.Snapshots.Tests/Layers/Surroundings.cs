using Containerd.Conformance;

namespace Containerd.Snapshots.Tests;

/// <summary>What lies around a tree: a directory with a victim in it. Says whether anything of it, or beside it, was made, changed or removed.</summary>
internal sealed class Surroundings
{
    private readonly string _root;
    private readonly string[] _before;

    public Surroundings(LayerScratch scratch)
    {
        _root = scratch.Root;
        Outside = Directory.CreateDirectory(Path.Join(_root, "outside")).FullName;
        Directory.CreateDirectory(Path.Join(Outside, "sub"));
        File.WriteAllText(Path.Join(Outside, "victim"), "untouched");
        File.WriteAllText(Path.Join(Outside, "sub", "victim"), "untouched");
        _before = Describe();
    }

    public string Outside { get; }

    public void AreUntouched(string message = "") => Assert.That(Describe(), Is.EqualTo(_before), message);

    private string[] Describe() =>
    [
        .. TreeFile.ReadAll(Outside).Select(file => $"{file} {file.Mode} {file.Uid}:{file.Gid} {file.ModifyTime} {file.Links}"),
        .. Directory.EnumerateFileSystemEntries(_root).Order(StringComparer.Ordinal),
    ];
}
