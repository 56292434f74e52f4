namespace Containerd.Conformance;

/// <summary>The shape of the mounts that a layer is applied to.</summary>
public enum LayerTreeForm
{
    /// <summary>One writable bind of a directory, all layers in it one after the other.</summary>
    Bind,

    /// <summary>One writable overlay whose lower directories are the layers applied before.</summary>
    Overlay,

    /// <summary>Two binds, which nobody can write into without mounting them; the applier needs a mounter of its own.</summary>
    Mounted,
}
